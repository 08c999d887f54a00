using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>The forward pass over a Responses request (OpenAI API reference, "Create a model response").</summary>
internal static class ResponsesRequestReader
{
    private static readonly CanonicalRules Rules = new()
    {
        TextType = "input_text"u8.ToArray(),
        TextNames = ["content"u8.ToArray(), "output"u8.ToArray()],
        CallIdName = "call_id"u8.ToArray(),
        // Servers add these to items that they keep.
        Drops = static (depth, name) => depth == 1 && (name.SequenceEqual("id"u8) || name.SequenceEqual("status"u8)),
    };

    public static bool Read(RequestScan scan, ref Utf8JsonReader reader)
    {
        bool hasInput = false, hasPrompt = false, tools = false;
        var items = new ItemState();
        scan.Insertion = new PromptInsertion(new ByteRange(scan.End(ref reader), 0), "\"instructions\":"u8.ToArray(), ","u8.ToArray());
        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("input"u8))
            {
                hasInput = ReadInput(scan, ref reader, items);
            }
            else if (name.SequenceEqual("instructions"u8))
            {
                ReadInstructions(scan, ref reader);
            }
            else if (name.SequenceEqual("tools"u8))
            {
                tools = ToolLists.Replace(scan, scan.ToolLists, ref reader);
            }
            else if (name.SequenceEqual("previous_response_id"u8))
            {
                scan.PreviousResponseId = scan.String(ref reader);
            }
            else if (name.SequenceEqual("conversation"u8))
            {
                scan.ServerConversationId = ReadConversation(scan, ref reader);
            }
            else if (name.SequenceEqual("prompt_cache_key"u8))
            {
                scan.SessionHint = scan.String(ref reader);
            }
            else if (name.SequenceEqual("prompt"u8))
            {
                hasPrompt = reader.TokenType == JsonTokenType.StartObject;
                reader.Skip();
            }
            else
            {
                scan.ReadCommon(name, ref reader);
            }
        }

        scan.ToolLists.AddRange(items.ToolLists);
        scan.OffersTools = tools || items.OffersTools;
        return hasInput || hasPrompt || scan.PreviousResponseId is not null || scan.ServerConversationId is not null;
    }

    /// <summary>Reads one item of the history.</summary>
    public static void ScanItem(RequestScan scan, ref Utf8JsonReader reader) => ReadItem(scan, ref reader, new ItemState());

    private static void ReadInstructions(RequestScan scan, ref Utf8JsonReader reader)
    {
        scan.PromptTexts.Clear();
        var isString = reader.TokenType == JsonTokenType.String;
        var isNull = reader.TokenType == JsonTokenType.Null;
        var range = scan.Skip(ref reader);
        if (isString)
        {
            scan.PromptTexts.Add(new PromptText(range, 0));
        }

        scan.Insertion = isNull ? new PromptInsertion(range, [], []) : null;
    }

    private static string? ReadConversation(RequestScan scan, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return scan.String(ref reader);
        }

        string? id = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = JsonText.Name(reader.ValueSpan).SequenceEqual("id"u8);
            reader.Read();
            if (isId)
            {
                id = scan.String(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        return id;
    }

    private static bool ReadInput(RequestScan scan, ref Utf8JsonReader reader, ItemState items)
    {
        scan.ResetHistory();
        items.Reset();
        if (reader.TokenType == JsonTokenType.String)
        {
            scan.AddClientText(ref reader, Rules);
            return true;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return false;
        }

        scan.BeginHistory(ref reader, DialectKind.OpenAiResponses);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadItem(scan, ref reader, items);
            if (items.IsEmpty)
            {
                scan.EndElement(ref reader);
            }
        }

        scan.EndTurn();
        scan.EndHistory(ref reader);
        return true;
    }

    private static void ReadItem(RequestScan scan, ref Utf8JsonReader reader, ItemState items)
    {
        scan.CountElement();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            scan.EndTurn();
            scan.AddClientValue(ref reader, Rules);
            return;
        }

        var start = scan.Start(ref reader);
        scan.BeginMessage();
        var kind = ItemKind.Find(reader);
        if (kind != ItemSide.Model)
        {
            scan.EndTurn();
        }

        var again = reader;
        var text = scan.TextLength;
        var calls = scan.CallsLength;
        var found = ReadItem(scan, ref reader, items, kind);
        if (found != kind)
        {
            // A type or a role occurs twice, or after what it decides: read once more with what counts.
            scan.Restart(text, calls);
            if (found != ItemSide.Model)
            {
                scan.EndTurn();
            }

            reader = again;
            ReadItem(scan, ref reader, items, found);
        }

        var range = new ByteRange(start, scan.End(ref reader) - start);
        switch (found)
        {
            case ItemSide.Model:
                scan.ExtendTurn(range);
                break;
            case ItemSide.System:
                scan.EndSystemMessage();
                break;
            case ItemSide.Client:
                scan.AddClientMessage(range);
                break;
            default:
                break;
        }
    }

    private static ItemSide ReadItem(RequestScan scan, ref Utf8JsonReader reader, ItemState items, ItemSide side)
    {
        var text = scan.TextLength;
        var calls = scan.CallsLength;
        var mark = scan.OpenClientMessage();
        var facts = default(ItemFacts);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = JsonText.Name(reader.ValueSpan);
            var value = reader;
            value.Read();
            var word = value.TokenType == JsonTokenType.String && value.ValueSpan.Length < 64 ? JsonText.Name(value.ValueSpan) : default;
            facts.Note(name, word);
            if (side == ItemSide.Client && !(name.SequenceEqual("type"u8) && word.SequenceEqual("message"u8)))
            {
                scan.AddClientProperty(ref reader, Rules);
                continue;
            }

            reader.Read();
            switch (side)
            {
                case ItemSide.Model when name.SequenceEqual("content"u8) && !facts.Type.SequenceEqual("reasoning"u8):
                    scan.ResetText(text);
                    ContentScan.ReadModel(scan, ref reader);
                    break;
                case ItemSide.Model when name.SequenceEqual("call_id"u8):
                    scan.ResetCalls(calls);
                    if (scan.Literal(ref reader) is { Length: > 2 } id)
                    {
                        scan.AddCall(id);
                    }

                    break;
                case ItemSide.Model when name.SequenceEqual("id"u8):
                    facts.Id = scan.Literal(ref reader);
                    break;
                case ItemSide.Model when name.SequenceEqual("encrypted_content"u8):
                    facts.Encrypted = scan.Literal(ref reader);
                    break;
                case ItemSide.System when name.SequenceEqual("content"u8):
                    scan.ResetSystemText();
                    ContentScan.ReadSystem(scan, ref reader, scan.AddSystemText);
                    break;
                case ItemSide.Tools when name.SequenceEqual("tools"u8):
                    items.AddTools(scan, ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        scan.CloseClientMessage(mark);
        if (facts.Type.SequenceEqual("reasoning"u8))
        {
            // If content came before the type.
            scan.ResetText(text);
        }
        else if (ItemKind.IsCompaction(facts.Type))
        {
            // The latest one decides: an id before the content.
            scan.AddCallId(facts.Encrypted.Length > 2 ? CompactionMark.Of(JsonText.Decode(scan.Raw(facts.Encrypted))) : null);
            scan.AddCallId(facts.Id);
        }
        else if (facts.Type.SequenceEqual("message"u8) || facts.Type.SequenceEqual("item_reference"u8))
        {
            // Nothing else in them says which response they are of.
            scan.AddCallId(facts.Id);
        }

        scan.IsCompaction |= facts.Type.SequenceEqual("compaction_trigger"u8);

        return facts.Side;
    }

    /// <summary>What the items of an input hold besides messages.</summary>
    private sealed class ItemState
    {
        public List<ByteRange> ToolLists { get; } = [];

        public bool OffersTools { get; set; }

        public bool IsEmpty => ToolLists.Count == 0 && !OffersTools;

        public void AddTools(RequestScan scan, ref Utf8JsonReader reader)
        {
            var list = new List<ByteRange>(1);
            OffersTools |= Scanning.ToolLists.Replace(scan, list, ref reader);
            ToolLists.AddRange(list);
        }

        public void Reset()
        {
            ToolLists.Clear();
            OffersTools = false;
        }
    }
}
