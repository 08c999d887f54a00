using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>Whose a message is.</summary>
internal enum Side
{
    /// <summary>The client's: user messages, tool results.</summary>
    Client,

    /// <summary>The model's.</summary>
    Model,

    /// <summary>A system or developer message.</summary>
    System,
}

/// <summary>How one dialect's messages are read.</summary>
internal abstract class MessageRules
{
    /// <summary>Whose messages these are.</summary>
    public abstract DialectKind Kind { get; }

    /// <summary>What is normalised away in the client's messages.</summary>
    public abstract CanonicalRules Canonical { get; }

    /// <summary>Whether messages of the model that follow each other are one turn.</summary>
    public virtual bool JoinsTurns => false;

    /// <summary>Whose a message of this role is.</summary>
    public abstract Side SideOf(ReadOnlySpan<byte> role);

    /// <summary>Reads one message of the history.</summary>
    public void ScanMessage(RequestScan scan, ref Utf8JsonReader reader) => scan.ReadMessage(ref reader, this);

    /// <summary>Reads a property of a model's message: the reader is on the value's first token and is left on its last.</summary>
    public abstract void ReadModelProperty(RequestScan scan, scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader);

    /// <summary>Reads a property of a system message, likewise.</summary>
    public virtual void ReadSystemProperty(RequestScan scan, scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader)
    {
        if (name.SequenceEqual("content"u8))
        {
            scan.ResetSystemText();
            ContentScan.ReadSystem(scan, ref reader, scan.AddSystemText);
        }
        else
        {
            reader.Skip();
        }
    }
}
