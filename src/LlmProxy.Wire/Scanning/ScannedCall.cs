using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>What a key needs of a function that a model calls; the names of its members do not collide between dialects.</summary>
internal readonly record struct ScannedCall(ByteRange Name, ByteRange Arguments)
{
    /// <summary>Reads the object that the reader is on.</summary>
    public static ScannedCall Read(RequestScan scan, ref Utf8JsonReader reader)
    {
        var call = default(ScannedCall);
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("name"u8))
            {
                call = call with { Name = scan.Literal(ref reader) };
            }
            else if (name.SequenceEqual("arguments"u8) || name.SequenceEqual("args"u8) || name.SequenceEqual("input"u8))
            {
                call = call with { Arguments = scan.Skip(ref reader) };
            }
            else
            {
                reader.Skip();
            }
        }

        return call;
    }

    /// <summary>Adds it to the model's turn as a call without an id.</summary>
    /// <param name="scan">The scan.</param>
    /// <param name="isText">Whether arguments may be JSON within a string.</param>
    public void AddTo(RequestScan scan, bool isText)
    {
        if (scan.Keys is null)
        {
            return;
        }

        var value = scan.Body.Span.Slice(Arguments.Start, Arguments.Length);
        scan.AddCall(
            Name.Length > 0 ? JsonText.Name(scan.Raw(Name)) : default,
            isText && value.StartsWith("\""u8) ? JsonText.Name(scan.Raw(Arguments)) : value);
    }
}
