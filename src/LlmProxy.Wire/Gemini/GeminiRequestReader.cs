using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Gemini;

/// <summary>
/// The forward pass over a generateContent request (ai.google.dev/api/generate-content). The API takes each name in
/// camel case and in snake case.
/// </summary>
internal sealed class GeminiRequestReader : MessageRules
{
    public static GeminiRequestReader Instance { get; } = new();

    public override DialectKind Kind => DialectKind.Gemini;

    // Google's chat clients put each part of a streamed response into the history as a content of its own.
    public override bool JoinsTurns => true;

    public override CanonicalRules Canonical { get; } = new()
    {
        // A content without a role is the user's. Ids of calls are made up by clients.
        Drops = static (depth, name) => (depth == 1 && name.SequenceEqual("role"u8)) || (depth == 3 && name.SequenceEqual("id"u8)),
    };

    public static bool Read(RequestScan scan, ref Utf8JsonReader reader)
    {
        var hasHistory = false;
        var hasCache = false;
        scan.Insertion = new PromptInsertion(
            new ByteRange(scan.End(ref reader), 0), "\"systemInstruction\":{\"parts\":[{\"text\":"u8.ToArray(), "}]},"u8.ToArray());
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("contents"u8))
            {
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    scan.ResetHistory();
                    scan.ReadMessage(ref reader, Instance);
                    scan.EndTurn();
                    hasHistory = true;
                }
                else
                {
                    hasHistory = scan.ReadMessages(ref reader, Instance);
                }
            }
            else if (name.SequenceEqual("systemInstruction"u8) || name.SequenceEqual("system_instruction"u8))
            {
                ReadSystem(scan, ref reader);
            }
            else if (name.SequenceEqual("tools"u8))
            {
                scan.OffersTools = ToolLists.Replace(scan, scan.ToolLists, ref reader);
            }
            else if (name.SequenceEqual("cachedContent"u8) || name.SequenceEqual("cached_content"u8))
            {
                hasCache = reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length > 0;
                reader.Skip();
            }
            else
            {
                scan.ReadCommon(name, ref reader);
            }
        }

        if (hasCache)
        {
            // The API refuses a system instruction next to cached content.
            scan.Insertion = null;
        }

        return hasHistory;
    }

    public override Side SideOf(ReadOnlySpan<byte> role) => role.SequenceEqual("model"u8) ? Side.Model : Side.Client;

    public override void ReadModelProperty(RequestScan scan, scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader)
    {
        if (!name.SequenceEqual("parts"u8))
        {
            reader.Skip();
            return;
        }

        scan.ResetMessage();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            ReadPart(scan, ref reader);
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadPart(scan, ref reader);
        }
    }

    public override void ReadSystemProperty(RequestScan scan, scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader) => reader.Skip();

    private static void ReadPart(RequestScan scan, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return;
        }

        var isThought = false;
        var text = default(ByteRange);
        ScannedCall? call = null;
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("text"u8))
            {
                text = scan.Literal(ref reader);
            }
            else if ((name.SequenceEqual("thoughtSignature"u8) || name.SequenceEqual("thought_signature"u8)) && scan.Keys is not null)
            {
                scan.AddCallId(ThoughtSignature.Mark(scan.String(ref reader)));
            }
            else if (name.SequenceEqual("thought"u8))
            {
                isThought = reader.TokenType == JsonTokenType.True;
                reader.Skip();
            }
            else if ((name.SequenceEqual("functionCall"u8) || name.SequenceEqual("function_call"u8)) && reader.TokenType == JsonTokenType.StartObject)
            {
                call = ScannedCall.Read(scan, ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        if (text.Length > 0 && !isThought)
        {
            scan.AddText(scan.Raw(text));
        }

        call?.AddTo(scan, isText: false);
    }

    private static void ReadSystem(RequestScan scan, ref Utf8JsonReader reader)
    {
        scan.PromptTexts.Clear();
        var start = scan.Start(ref reader);
        var holdsSomething = true;
        void Add(ByteRange literal) => scan.PromptTexts.Add(new PromptText(literal, 0));
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            holdsSomething = false;
            while (reader.ReadProperty(out var name))
            {
                if (!name.SequenceEqual("parts"u8))
                {
                    reader.Skip();
                    continue;
                }

                scan.PromptTexts.Clear();
                if (reader.TokenType == JsonTokenType.StartObject)
                {
                    holdsSomething = true;
                    var part = ScannedPart.Read(scan, ref reader);
                    if (part.HasText)
                    {
                        Add(part.Text);
                    }
                }
                else
                {
                    holdsSomething = ContentScan.ReadSystem(scan, ref reader, Add);
                }
            }
        }
        else
        {
            holdsSomething = ContentScan.ReadSystem(scan, ref reader, Add);
        }

        scan.Insertion = holdsSomething
            ? null
            : new PromptInsertion(new ByteRange(start, scan.End(ref reader) - start), "{\"parts\":[{\"text\":"u8.ToArray(), "}]}"u8.ToArray());
    }
}
