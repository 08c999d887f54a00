using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Anthropic;

/// <summary>The forward pass over a Messages request (platform.claude.com, API reference, "Create a Message").</summary>
internal sealed class AnthropicRequestReader : MessageRules
{
    public static AnthropicRequestReader Instance { get; } = new();

    public override DialectKind Kind => DialectKind.AnthropicMessages;

    public override CanonicalRules Canonical { get; } = new()
    {
        TextType = "text"u8.ToArray(),
        TextNames = ["content"u8.ToArray()],
        CallIdName = "tool_use_id"u8.ToArray(),
    };

    public static bool Read(RequestScan scan, ref Utf8JsonReader reader)
    {
        var hasHistory = false;
        scan.Insertion = new PromptInsertion(new ByteRange(scan.End(ref reader), 0), "\"system\":"u8.ToArray(), ","u8.ToArray());
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("messages"u8))
            {
                hasHistory = scan.ReadMessages(ref reader, Instance);
            }
            else if (name.SequenceEqual("system"u8))
            {
                ReadSystem(scan, ref reader);
            }
            else if (name.SequenceEqual("tools"u8))
            {
                scan.OffersTools = ToolLists.Replace(scan, scan.ToolLists, ref reader);
            }
            else if (name.SequenceEqual("metadata"u8))
            {
                ReadMetadata(scan, ref reader);
            }
            else if (name.SequenceEqual("previous_message_id"u8))
            {
                scan.PreviousResponseId = scan.String(ref reader);
            }
            else if (name.SequenceEqual("thread_id"u8))
            {
                scan.ServerConversationId = scan.String(ref reader);
            }
            else if (name.SequenceEqual("thread"u8))
            {
                ReadThread(scan, ref reader);
            }
            else
            {
                scan.ReadCommon(name, ref reader);
            }
        }

        if (scan.PreviousResponseId is not null)
        {
            // The server has the thread's prompt already.
            scan.Insertion = null;
        }

        return hasHistory;
    }

    public override Side SideOf(ReadOnlySpan<byte> role)
        => role.SequenceEqual("assistant"u8) ? Side.Model
        : role.SequenceEqual("system"u8) ? Side.System
        : Side.Client;

    public override void ReadModelProperty(RequestScan scan, scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader)
    {
        if (!name.SequenceEqual("content"u8))
        {
            reader.Skip();
            return;
        }

        scan.ResetText();
        scan.ResetCalls();
        ContentScan.ReadModel(scan, ref reader, static (scan, part) =>
        {
            // Calls of server tools are left out: clients may drop them with their results.
            if (part.Type.SequenceEqual("tool_use"u8) && part.Id.Length > 0)
            {
                scan.AddCall(part.Id);
            }
            else if (part.Type.SequenceEqual("compaction"u8) && part.Content.Length > 2)
            {
                scan.AddCallId(CompactionMark.Of(JsonText.Decode(scan.Raw(part.Content))));
            }
        });
    }

    private static void ReadSystem(RequestScan scan, ref Utf8JsonReader reader)
    {
        scan.PromptTexts.Clear();
        var start = scan.Start(ref reader);
        var holdsSomething = ContentScan.ReadSystem(scan, ref reader, literal => scan.PromptTexts.Add(new PromptText(literal, 0)));
        scan.Insertion = holdsSomething ? null : new PromptInsertion(new ByteRange(start, scan.End(ref reader) - start), [], []);
    }

    private static void ReadThread(RequestScan scan, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            scan.ServerConversationId = scan.String(ref reader) ?? scan.ServerConversationId;
            return;
        }

        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("id"u8) || name.SequenceEqual("thread_id"u8))
            {
                scan.ServerConversationId = scan.String(ref reader);
            }
            else if (name.SequenceEqual("previous_message_id"u8))
            {
                scan.PreviousResponseId = scan.String(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static void ReadMetadata(RequestScan scan, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("user_id"u8))
            {
                scan.SessionHint = SessionOf(scan.String(ref reader));
            }
            else
            {
                reader.Skip();
            }
        }
    }

    /// <summary>
    /// The session in Claude Code's <c>user_id</c>: a JSON string with <c>session_id</c>, before that
    /// <c>user_…_account_…_session_UUID</c>. Anything else names a user, not a session.
    /// </summary>
    private static string? SessionOf(string? userId)
    {
        if (userId is null)
        {
            return null;
        }

        if (userId.StartsWith('{'))
        {
            using var document = LenientJson.Parse(System.Text.Encoding.UTF8.GetBytes(userId));
            return document?.RootElement.Text("session_id"u8) is { Length: > 0 } id ? id : null;
        }

        const string Mark = "_session_";
        var at = userId.LastIndexOf(Mark, StringComparison.Ordinal);
        return at >= 0 && at + Mark.Length < userId.Length ? userId[(at + Mark.Length)..] : null;
    }
}
