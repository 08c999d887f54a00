using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Reads replies of Responses. Events may bring the parts of an item, the item, or only the response that holds all items.</summary>
internal sealed class ResponsesReplyReader(ReplyFlow flow) : ReplyReader(flow)
{
    // Per item of the output: what of it the client has. Few bytes each.
    private readonly Dictionary<long, Item> _items = [];

    protected override bool OnValue(JsonElement value)
    {
        var type = value.Text("type"u8);
        switch (type)
        {
            case "response.created" or "response.in_progress" or "response.queued":
                Flow.Begin(value.Get("response"u8).Text("id"u8), value.Get("response"u8).Text("model"u8));
                return true;
            case "response.completed" or "response.incomplete" or "response.failed" or "response.cancelled" or "response.done":
                TakeResponse(value.Get("response"u8), type["response.".Length..]);
                return true;
            case "response.output_item.added" or "response.output_item.done":
                TakeItem(IndexOf(value), value.Get("item"u8), isDone: type.EndsWith("done", StringComparison.Ordinal));
                return true;
            case "response.output_text.delta" or "response.refusal.delta":
                var item = At(IndexOf(value));
                var delta = value.Text("delta"u8);
                TakeText(item, value.Number("content_index"u8) ?? 0, delta, type == "response.refusal.delta");
                return true;
            case "response.output_text.done" or "response.refusal.done":
                CompleteText(At(IndexOf(value)), value.Number("content_index"u8) ?? 0, value.Text("text"u8) ?? value.Text("refusal"u8), type == "response.refusal.done");
                return true;
            case "response.function_call_arguments.delta" or "response.custom_tool_call_input.delta":
                TakeArguments(value, type.StartsWith("response.custom", StringComparison.Ordinal), call => call.Append(value.Text("delta"u8)));
                return true;
            case "response.function_call_arguments.done" or "response.custom_tool_call_input.done":
                TakeArguments(value, type.StartsWith("response.custom", StringComparison.Ordinal), call => call.Complete(value.Text("arguments"u8) ?? value.Text("input"u8)));
                return true;
            case "error":
                var error = value.Get("error"u8) is { ValueKind: JsonValueKind.Object } nested ? nested : value;
                Flow.Error(UpstreamErrors.StatusOf(error), UpstreamErrors.MessageOf(error));
                return true;
            case { } other when other.StartsWith("response.", StringComparison.Ordinal):
                if (other.StartsWith("response.reasoning", StringComparison.Ordinal))
                {
                    Flow.Thinking();
                }

                return true;
            default:
                if (!value.Get("object"u8).Is("response"u8) && value.Get("output"u8).ValueKind != JsonValueKind.Array)
                {
                    return false;
                }

                TakeResponse(value, value.Text("status"u8) ?? "completed");
                return true;
        }
    }

    private static long IndexOf(JsonElement value) => value.Number("output_index"u8) ?? 0;

    private Item At(long index)
    {
        if (!_items.TryGetValue(index, out var item))
        {
            _items[index] = item = new Item();
        }

        return item;
    }

    /// <summary>Some servers count name and arguments of a call on two indexes: its ids decide.</summary>
    private void TakeArguments(JsonElement value, bool isFreeText, Action<FlowCall> take)
    {
        var id = value.Text("item_id"u8) ?? value.Text("call_id"u8);
        var item = At(IndexOf(value));
        if (id is not null && item.Id != id && item.CallId != id && _items.Values.FirstOrDefault(known => known.Call is not null && (known.Id == id || known.CallId == id)) is { } own)
        {
            item = own;
        }
        else if (item.Call is null && _items.Values.LastOrDefault(known => known.Call is { HasEnded: false }) is { } open && item.IsNew)
        {
            item = open;
        }

        item.Call ??= Flow.Call(isFreeText);
        take(item.Call);
        Flow.Advance(item.Call);
    }

    private void TakeText(Item item, long part, string? delta, bool isRefusal)
    {
        item.Note(part, delta?.Length ?? 0);
        if (isRefusal)
        {
            Flow.Refusal(delta);
            Flow.Stop(StopKind.Refusal);
        }
        else
        {
            Flow.Text(delta);
        }
    }

    private void CompleteText(Item item, long part, string? whole, bool isRefusal)
    {
        if (whole is not null && whole.Length > item.LengthOf(part))
        {
            TakeText(item, part, whole[item.LengthOf(part)..], isRefusal);
        }
    }

    private void TakeItem(long index, JsonElement value, bool isDone)
    {
        var item = At(index);
        item.Id ??= value.Text("id"u8);
        item.CallId ??= value.Text("call_id"u8);
        item.IsNew = false;
        switch (value.Text("type"u8))
        {
            case "message" or null:
                var part = 0;
                foreach (var content in value.Get("content"u8).Items())
                {
                    var isRefusal = content.Get("type"u8).Is("refusal"u8);
                    CompleteText(item, part++, content.Text("text"u8) ?? content.Text("refusal"u8), isRefusal);
                    if (isDone && content.Get("annotations"u8) is { ValueKind: JsonValueKind.Array } notes && notes.GetArrayLength() > 0)
                    {
                        Flow.Lose("annotations", "Citations have no counterpart in the client's dialect.");
                    }
                }

                break;
            case "function_call" or "custom_tool_call":
                TakeCall(item, value, isDone);
                break;
            case "reasoning":
                Flow.Thinking();
                break;
            case var type:
                TakeOther(RawJson.Clean(type), value, isDone);
                break;
        }
    }

    private void TakeCall(Item item, JsonElement value, bool isDone)
    {
        var isFreeText = value.Get("type"u8).Is("custom_tool_call"u8);
        var call = item.Call ??= Flow.Call(isFreeText);
        if (call.HasEnded)
        {
            return;
        }

        call.Id = call.Id.Length == 0 ? value.Text("call_id"u8) ?? value.Text("id"u8) ?? "" : call.Id;
        call.Name = call.Name.Length == 0 ? value.Text("name"u8) ?? "" : call.Name;
        call.Complete(value.Text(isFreeText ? "input"u8 : "arguments"u8));
        Flow.Advance(call);
        if (isDone)
        {
            Flow.EndCall(call);
        }
    }

    /// <summary>Items that only OpenAI has. Calls that the client would have to answer end the reply with an error.</summary>
    private void TakeOther(string type, JsonElement value, bool isDone)
    {
        var isForClient = type is "local_shell_call" or "shell_call" or "computer_call" or "apply_patch_call" or "mcp_approval_request"
            || (type == "tool_search_call" && value.Get("execution"u8).Is("client"u8));
        if (isForClient && isDone)
        {
            Flow.Error(502, $"The target asks for a '{type}', which the client's dialect does not have.");
        }

        Flow.Lose(type, "The provider ran the tool; its call and result are left out.");
    }

    private void TakeResponse(JsonElement response, string type)
    {
        Flow.Begin(response.Text("id"u8), response.Text("model"u8));
        Tally.Take(response.Get("usage"u8));
        var status = response.Text("status"u8) ?? type;
        var error = response.Get("error"u8);
        if (error.Exists() || status == "failed")
        {
            Flow.Error(error.Exists() ? UpstreamErrors.StatusOf(error) : 502, error.Exists() ? UpstreamErrors.MessageOf(error) : "The target's response failed without an error object.");
            return;
        }

        if (status is "queued" or "in_progress")
        {
            return;
        }

        var index = 0L;
        foreach (var item in response.Get("output"u8).Items())
        {
            TakeItem(index++, item, isDone: true);
        }

        Flow.Stop(status switch
        {
            "incomplete" when response.Get("incomplete_details"u8).Text("reason"u8) == "content_filter" => StopKind.Filter,
            "incomplete" => StopKind.MaxTokens,
            _ when Flow.HasStop => null,
            _ => StopKind.EndTurn,
        });
        HasEnded = true;
        Flow.Finish();
    }

    private sealed class Item
    {
        private readonly List<int> _lengths = [];

        public string? Id { get; set; }

        public string? CallId { get; set; }

        public FlowCall? Call { get; set; }

        public bool IsNew { get; set; } = true;

        public int LengthOf(long part) => part >= 0 && part < _lengths.Count ? _lengths[(int)part] : 0;

        public void Note(long part, int length)
        {
            // A reply has few parts; a stranger's number must not fill the memory.
            if (part is < 0 or > 1000)
            {
                return;
            }

            while (_lengths.Count <= part)
            {
                _lengths.Add(0);
            }

            _lengths[(int)part] += length;
        }
    }
}
