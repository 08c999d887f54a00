using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>
/// Assembles a response of Responses (OpenAI API reference, "Streaming events"). The last event holds all of it; items
/// and deltas are used when that event did not come, or came without output (the ChatGPT backend leaves it out).
/// </summary>
internal sealed class ResponsesAssembler : JsonReplyAssembler
{
    private static readonly string[] StepPrefixes =
    [
        "content_part.", "output_text.", "refusal.", "reasoning_text.", "reasoning_summary_", "reasoning_summary.",
        "function_call_arguments.", "custom_tool_call_input.", "mcp_call", "mcp_list_tools.", "web_search_call.",
        "file_search_call.", "code_interpreter_call", "image_generation_call.in_progress",
        "image_generation_call.generating", "image_generation_call.completed", "shell_call_", "apply_patch_call_",
        "tool_search_call.",
    ];

    private readonly SortedDictionary<long, ResponsesItem> _items = [];
    private byte[]? _output;
    private string? _status;
    private string? _incompleteReason;

    protected override AssembledReply Build()
    {
        var json = _output ?? OutputOfItems();
        using var document = LenientJson.Parse(json);
        var output = document?.RootElement ?? default;
        StopReason = _incompleteReason ?? _status;
        return Build(ResponsesMessageReader.Instance.Read(json), RefusalOf(output), _status == "completed", HasOpenCall(output), MarksOf(output));
    }

    protected override void OnDone()
    {
        // OpenAI sends none; gateways do. It ends nothing here: the response's own event does.
    }

    protected override bool OnValue(JsonElement value)
    {
        var type = value.Text("type"u8);
        if (type is null || !type.StartsWith("response.", StringComparison.Ordinal))
        {
            return TakeOther(value, type);
        }

        switch (type)
        {
            case "response.created" or "response.in_progress" or "response.queued":
                TakeResponse(value.Get("response"u8), isLast: false);
                return true;
            case "response.completed" or "response.incomplete" or "response.failed" or "response.cancelled" or "response.done":
                TakeResponse(value.Get("response"u8), isLast: true);
                _status ??= type["response.".Length..];
                return true;
            case "response.output_item.added":
                Item(value).Added = value.Get("item"u8).Raw().ToArray();
                return true;
            case "response.output_item.done":
                Item(value).Done = value.Get("item"u8).Raw().ToArray();
                return true;
            case "response.output_text.delta" or "response.reasoning_text.delta":
                Item(value).AppendText(value.Number("content_index"u8) ?? 0, value.Text("delta"u8));
                return true;
            case "response.refusal.delta":
                Item(value).AppendRefusal(value.Text("delta"u8));
                return true;
            case "response.reasoning_summary_text.delta":
                Item(value).AppendSummary(value.Number("summary_index"u8) ?? 0, value.Text("delta"u8));
                return true;
            case "response.function_call_arguments.delta" or "response.mcp_call_arguments.delta":
                Item(value).AppendArguments("arguments", value.Text("delta"u8));
                return true;
            case "response.custom_tool_call_input.delta":
                Item(value).AppendArguments("input", value.Text("delta"u8));
                return true;
            default:
                return IsKnown(type);
        }
    }

    /// <summary>Events that say again, or in smaller steps, what items and the last event say.</summary>
    private static bool IsKnown(string type) => Array.Exists(StepPrefixes, prefix => type.AsSpan("response.".Length).StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Ids of all items: a text, a compacted history and a reference to an item have no call's id.</summary>
    private static List<string> MarksOf(JsonElement output) =>
        [.. output.Items().SelectMany(item => new[] { item.Text("id"u8), IsCompaction(item) ? CompactionMark.Of(item.Text("encrypted_content"u8)) : null }).OfType<string>().Where(id => id.Length > 0)];

    private static bool IsCompaction(JsonElement item) => ItemKind.IsCompaction(Encoding.UTF8.GetBytes(item.Text("type"u8) ?? ""));

    private static string? RefusalOf(JsonElement output)
    {
        var refusals = output.Items()
            .SelectMany(item => item.Get("content"u8).Items())
            .Select(part => part.Text("refusal"u8))
            .Where(text => !string.IsNullOrEmpty(text))
            .ToList();
        return refusals.Count == 0 ? null : string.Concat(refusals);
    }

    /// <summary>Whether the client has a call to answer. A hosted tool's call is answered in the same output.</summary>
    private static bool HasOpenCall(JsonElement output)
    {
        var answered = ResponsesMessageReader.AnsweredIn(output);
        return output.Items().Any(item => item.Get("type"u8).Is("mcp_approval_request"u8)
            || (ResponsesMessageReader.IsClientCall(item) && !answered.Contains(item.Text("call_id"u8))));
    }

    private bool TakeOther(JsonElement value, string? type)
    {
        if (value.Get("object"u8).Is("response"u8) || (type is null && value.Get("output"u8).ValueKind == JsonValueKind.Array))
        {
            TakeResponse(value, isLast: true);
            return true;
        }

        if (type == "error")
        {
            // {"type":"error","code","message"}; some servers nest it.
            Error = Describe(value.Get("error"u8).ValueKind == JsonValueKind.Object ? value.Get("error"u8) : WithoutType(value));
            return true;
        }

        return false;
    }

    private static JsonElement WithoutType(JsonElement value)
    {
        // The type of the event says "error", the code says which.
        var json = ReplyJson.Join("{\"type\":", value.Text("code"u8) ?? "error", ",\"message\":", value.Text("message"u8) ?? value.RawText(), "}");
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private ResponsesItem Item(JsonElement value)
    {
        var index = value.Number("output_index"u8) ?? 0;
        if (!_items.TryGetValue(index, out var item))
        {
            _items[index] = item = new ResponsesItem();
        }

        return item;
    }

    private void TakeResponse(JsonElement response, bool isLast)
    {
        ResponseId = response.Text("id"u8) ?? ResponseId;
        Model = response.Text("model"u8) ?? Model;
        var status = response.Text("status"u8);
        if (isLast)
        {
            _status = status ?? _status;
            _incompleteReason = response.Get("incomplete_details"u8).Text("reason"u8);
            // A background response is answered at once with what is not there yet.
            Ended = status is not ("queued" or "in_progress");
            var output = response.Get("output"u8);
            if (output.ValueKind == JsonValueKind.Array && output.GetArrayLength() > 0)
            {
                _output = output.Raw().ToArray();
            }
        }

        var error = response.Get("error"u8);
        if (error.Exists())
        {
            Error = error.ValueKind == JsonValueKind.Object ? Describe(error) : "error: " + (error.Text() ?? error.RawText());
        }
        else if (status == "failed")
        {
            Error = "failed: the response failed without an error object";
        }

        Tally.Take(response.Get("usage"u8));
        Tally.TakeTier(response.Text("service_tier"u8));
    }

    private byte[] OutputOfItems()
    {
        using var json = new ByteBuffer();
        ReplyJson.AppendArray(json, _items.Values, item => item.WriteTo(json));
        return json.ToArray();
    }
}
