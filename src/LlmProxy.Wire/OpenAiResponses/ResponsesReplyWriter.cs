using System.Globalization;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>Writes a response of Responses (OpenAI API reference, "Responses" and "Streaming events"); <see cref="ResponsesAssembler"/> reads it back.</summary>
internal sealed class ResponsesReplyWriter(AssembledReply reply) : ReplyWriter
{
    private static readonly string[] Statuses = ["completed", "failed", "in_progress", "cancelled", "queued", "incomplete"];

    private readonly List<ReplyEvent> _events = [];

    /// <summary>The last word on the response; a reason that is no status is why it is incomplete.</summary>
    private string Status => reply.StopReason is null ? "completed" : Statuses.Contains(reply.StopReason, StringComparer.Ordinal) ? reply.StopReason : "incomplete";

    public override byte[] Whole() => reply.Error is { } error && Status != "failed" ? Error(error, null) : ReplyJson.Object(json => WriteResponse(json, isOver: true));

    public override IReadOnlyList<ReplyEvent> Events()
    {
        // 1. The response without its output.
        AddResponse("response.created", isOver: false);
        AddResponse("response.in_progress", isOver: false);

        // 2. Its items, one after the other.
        using var output = LenientJson.Parse(reply.Message.Json);
        var index = 0;
        foreach (var item in (output?.RootElement ?? default).Items())
        {
            AddItem(index++, item);
        }

        // 3. The whole response once more.
        if (reply.Error is { } error && Status != "failed")
        {
            _events.Add(new ReplyEvent("error", Error(error, _events.Count)));
        }
        else if (reply.IsComplete || reply.Error is not null)
        {
            AddResponse("response." + Status, isOver: true);
        }

        return _events;
    }

    private static byte[] Error(string error, int? sequence) => ReplyJson.Object(json =>
    {
        var (code, message) = ReplyJson.SplitError(error);
        if (sequence is { } number)
        {
            json.WriteString("type", "error");
            json.WriteString("code", code);
            json.WriteString("message", message);
            json.WriteNull("param");
            json.WriteNumber("sequence_number", number);
            return;
        }

        json.WriteObject("error", ("message", message), ("type", code));
    });

    private void AddResponse(string type, bool isOver) => Add(type, json => json.WriteObject("response", response => WriteResponse(response, isOver)));

    private void WriteResponse(Utf8JsonWriter json, bool isOver)
    {
        json.WriteString("id", reply.ResponseId ?? "resp_recorded");
        json.WriteString("object", "response");
        json.WriteNumber("created_at", 0);
        json.WriteString("status", isOver ? Status : "in_progress");
        WriteObjectOrNull(json, "error", isOver ? reply.Error : null, error =>
        {
            var (code, message) = ReplyJson.SplitError(error);
            json.WriteString("code", code);
            json.WriteString("message", message);
        });
        WriteObjectOrNull(json, "incomplete_details", isOver && Status == "incomplete" && reply.StopReason != "incomplete" ? reply.StopReason : null, reason => json.WriteString("reason", reason));
        json.WriteNull("instructions");
        json.WriteObject("metadata");
        json.WriteString("model", reply.Model ?? "");
        json.WritePropertyName("output");
        json.WriteRaw(isOver && reply.Message.Json.Length > 0 ? reply.Message.Json.Span : "[]"u8);
        json.WriteBoolean("parallel_tool_calls", true);
        json.WriteNumber("temperature", 1);
        json.WriteString("tool_choice", "auto");
        json.WriteEmptyArray("tools");
        json.WriteNumber("top_p", 1);
        if (isOver && reply.HasUsage)
        {
            WriteUsage(json);
        }
        else
        {
            json.WriteNull("usage");
        }
    }

    private static void WriteObjectOrNull(Utf8JsonWriter json, string name, string? value, Action<string> members)
    {
        if (value is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        members(value);
        json.WriteEndObject();
    }

    private void WriteUsage(Utf8JsonWriter json)
    {
        var usage = reply.Usage;
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", usage.Input);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        if (usage.CacheWrite > 0)
        {
            json.WriteNumber("cache_write_tokens", usage.CacheWrite);
        }

        json.WriteEndObject();
        json.WriteNumber("output_tokens", usage.Output);
        json.WriteObject("output_tokens_details", details => details.WriteNumber("reasoning_tokens", usage.Reasoning));
        json.WriteNumber("total_tokens", usage.Total);
        json.WriteEndObject();
    }

    private void AddItem(int index, JsonElement item)
    {
        var type = item.Text("type"u8) ?? "message";
        var id = item.Text("id"u8) ?? string.Create(CultureInfo.InvariantCulture, $"item_{index + 1}");
        var place = new ItemPlace(index, id);

        // What deltas bring is empty at first.
        Add("response.output_item.added", json =>
        {
            json.WriteNumber("output_index", index);
            json.WriteStartObject("item");
            foreach (var property in item.EnumerateObject())
            {
                switch (property.NameText())
                {
                    case "content" or "summary" when property.Value.ValueKind == JsonValueKind.Array:
                        json.WriteEmptyArray(property.NameText());
                        break;
                    case "arguments" or "input" when property.Value.ValueKind == JsonValueKind.String:
                        json.WriteString(property.NameText(), "");
                        break;
                    case "status":
                        json.WriteString("status", "in_progress");
                        break;
                    default:
                        json.WriteRaw(property.NameText(), property.Value);
                        break;
                }
            }

            json.WriteEndObject();
        });

        AddParts(place, type, item);
        if (type is "function_call" or "mcp_call" && item.Text("arguments"u8) is { } arguments)
        {
            AddText(place, type + "_arguments", "arguments", arguments);
        }
        else if (type == "custom_tool_call" && item.Text("input"u8) is { } input)
        {
            AddText(place, "custom_tool_call_input", "input", input);
        }

        Add("response.output_item.done", json =>
        {
            json.WriteNumber("output_index", index);
            json.WriteRaw("item", item);
        });
    }

    private void AddParts(ItemPlace place, string type, JsonElement item)
    {
        var number = 0;
        foreach (var part in item.Get("summary"u8).Items())
        {
            var at = place with { PartName = "summary_index", Part = number++ };
            AddPart("response.reasoning_summary_part.added", at, part, isEmpty: true);
            AddText(at, "reasoning_summary_text", "text", part.Text("text"u8) ?? "");
            AddPart("response.reasoning_summary_part.done", at, part, isEmpty: false);
        }

        number = 0;
        foreach (var part in item.Get("content"u8).Items())
        {
            var at = place with { PartName = "content_index", Part = number++ };
            AddPart("response.content_part.added", at, part, isEmpty: true);
            var refusal = part.Text("refusal"u8);
            if (refusal is not null || part.Text("text"u8) is not null)
            {
                AddText(at, refusal is not null ? "refusal" : type == "reasoning" ? "reasoning_text" : "output_text", refusal is not null ? "refusal" : "text", refusal ?? part.Text("text"u8)!);
            }

            AddAnnotations(at, part);
            AddPart("response.content_part.done", at, part, isEmpty: false);
        }
    }

    private void AddAnnotations(ItemPlace at, JsonElement part)
    {
        var number = 0;
        foreach (var annotation in part.Get("annotations"u8).Items())
        {
            Add("response.output_text.annotation.added", json =>
            {
                at.WriteTo(json);
                json.WriteNumber("annotation_index", number++);
                json.WriteRaw("annotation", annotation);
            });
        }
    }

    private void AddPart(string type, ItemPlace at, JsonElement part, bool isEmpty) => Add(type, json =>
    {
        at.WriteTo(json);
        json.WriteStartObject("part");
        json.WriteMembers(part, isEmpty ? ["text", "refusal", "annotations"] : []);
        if (isEmpty && part.Get("refusal"u8).Exists())
        {
            json.WriteString("refusal", "");
        }
        else if (isEmpty)
        {
            json.WriteString("text", "");
            if (part.Get("annotations"u8).Exists())
            {
                json.WriteEmptyArray("annotations");
            }
        }

        json.WriteEndObject();
    });

    private void AddText(ItemPlace at, string kind, string name, string text)
    {
        foreach (var delta in ReplyJson.Deltas(text))
        {
            Add($"response.{kind}.delta", json =>
            {
                at.WriteTo(json);
                json.WriteString("delta", delta);
            });
        }

        Add($"response.{kind}.done", json =>
        {
            at.WriteTo(json);
            json.WriteString(name, text);
        });
    }

    private void Add(string type, Action<Utf8JsonWriter> members) => _events.Add(new ReplyEvent(type, ReplyJson.Object(json =>
    {
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", _events.Count);
        members(json);
    })));

    /// <summary>Where in the output an event belongs.</summary>
    private readonly record struct ItemPlace(int Item, string Id, string? PartName = null, int Part = 0)
    {
        public void WriteTo(Utf8JsonWriter json)
        {
            json.WriteString("item_id", Id);
            json.WriteNumber("output_index", Item);
            if (PartName is not null)
            {
                json.WriteNumber(PartName, Part);
            }
        }
    }
}
