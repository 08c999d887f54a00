using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Reads replies of Chat Completions.</summary>
internal sealed class ChatReplyReader(ReplyFlow flow) : ReplyReader(flow)
{
    private readonly List<(long? Index, FlowCall Call)> _calls = [];
    private bool _callsSpread;

    protected override void OnDone()
    {
        HasEnded = true;
        Flow.Finish();
    }

    protected override bool OnValue(JsonElement value)
    {
        var hasUsage = Tally.Take(value.Get("usage"u8)) || Tally.Take(value.Get("x_groq"u8).Get("usage"u8)) || Tally.Take(value.Get("usageMetadata"u8)) || Tally.Take(value.Get("timings"u8));
        if (value.Get("error"u8).Exists())
        {
            return TakeError(value);
        }

        var choices = value.Get("choices"u8);
        if (choices.ValueKind != JsonValueKind.Array)
        {
            return hasUsage;
        }

        Flow.Begin(value.Text("id"u8), value.Text("model"u8));
        foreach (var choice in choices.Items())
        {
            TakeChoice(choice);
        }

        if (!IsEvents)
        {
            HasEnded = true;
        }

        return true;
    }

    private void TakeChoice(JsonElement choice)
    {
        var message = choice.Get("message"u8);
        var delta = choice.Get("delta"u8);
        // Perplexity sends the message so far next to each delta, and an empty delta next to a whole message.
        var source = message.ValueKind == JsonValueKind.Object && !(IsEvents && delta.ValueKind == JsonValueKind.Object) ? message : delta;
        var finish = choice.Text("finish_reason"u8);
        if (choice.Number("index"u8) is not (null or 0))
        {
            // GitHub Copilot spreads one message over choices: calls in the second. Other choices are alternatives.
            if (finish is "tool_calls" || _callsSpread)
            {
                _callsSpread = true;
                TakeCalls(source);
            }
            else
            {
                Flow.Lose("choices", "The client's dialect has one choice.");
            }

            return;
        }

        TakeMessage(source);
        if (choice.Get("error"u8).Exists())
        {
            TakeError(choice);
        }

        if (!Tally.IsStated)
        {
            Tally.Take(choice.Get("usage"u8));
        }

        if (!string.IsNullOrEmpty(finish))
        {
            Flow.Stop(finish.ToLowerInvariant() switch
            {
                "length" or "max_tokens" or "max_output_tokens" or "model_length" => StopKind.MaxTokens,
                "tool_calls" or "function_call" or "tool_use" => StopKind.ToolUse,
                "content_filter" or "safety" => StopKind.Filter,
                "refusal" => StopKind.Refusal,
                _ => StopKind.EndTurn,
            });
        }
    }

    private void TakeMessage(JsonElement message)
    {
        foreach (var name in (ReadOnlySpan<string>)["reasoning_content", "reasoning", "reasoning_details"])
        {
            var thinking = message.Get(global::System.Text.Encoding.ASCII.GetBytes(name));
            if (thinking.Text() is { Length: > 0 } || (thinking.ValueKind == JsonValueKind.Array && thinking.GetArrayLength() > 0))
            {
                Flow.Thinking();
            }
        }

        var content = message.Get("content"u8);
        Flow.Text(content.Text());
        foreach (var part in content.Items())
        {
            if (part.Text("type"u8) is "thinking" or "reasoning")
            {
                Flow.Thinking();
            }
            else
            {
                Flow.Text(part.Text("text"u8) ?? part.Text());
            }
        }

        if (message.Text("refusal"u8) is { Length: > 0 } refusal)
        {
            Flow.Refusal(refusal);
            Flow.Stop(StopKind.Refusal);
        }

        TakeCalls(message);
        var legacy = message.Get("function_call"u8);
        if (legacy.ValueKind == JsonValueKind.Object)
        {
            Take(null, null, legacy.Text("name"u8), legacy.Text("arguments"u8), isFreeText: false, default);
        }
    }

    private void TakeCalls(JsonElement message)
    {
        foreach (var fragment in message.Get("tool_calls"u8).Items())
        {
            var function = fragment.Get("function"u8);
            var custom = fragment.Get("custom"u8);
            var isCustom = function.ValueKind != JsonValueKind.Object && custom.ValueKind == JsonValueKind.Object;
            function = isCustom ? custom : function;
            var arguments = function.Get(isCustom ? "input"u8 : "arguments"u8);
            Take(fragment.Number("index"u8), fragment.Text("id"u8), function.Text("name"u8), arguments.Text() ?? (arguments.Exists() ? RawJson.Clean(arguments) : null), isCustom, fragment);
        }
    }

    private void Take(long? index, string? id, string? name, string? arguments, bool isFreeText, JsonElement fragment)
    {
        var call = Find(index, id, name);
        if (call is null)
        {
            // Gateways pad whole responses with an empty call.
            if (string.IsNullOrEmpty(id) && string.IsNullOrEmpty(name) && string.IsNullOrEmpty(arguments))
            {
                return;
            }

            call = Flow.Call(isFreeText);
            _calls.Add((index, call));
        }

        call.Id = call.Id.Length == 0 ? id ?? "" : call.Id;
        call.Name = call.Name.Length == 0 ? name ?? "" : call.Name;
        call.Signature ??= fragment.Get("extra_content"u8).Get("google"u8).Text("thought_signature"u8);
        call.Append(arguments);
        Flow.Advance(call);
    }

    /// <summary>
    /// The call that a fragment continues: by its index. Compatible servers leave the index out or always send 0: then a new
    /// id with a name begins a new call, and so does a name after whole arguments.
    /// </summary>
    private FlowCall? Find(long? index, string? id, string? name)
    {
        var at = index is null ? _calls.Count - 1 : _calls.FindLastIndex(known => known.Index == index);
        if (at < 0)
        {
            return null;
        }

        var call = _calls[at].Call;
        if (!string.IsNullOrEmpty(id))
        {
            return call.Id.Length == 0 || call.Id == id ? call
                : _calls.Find(known => known.Call.Id == id).Call is { } known ? known
                : index is not null && (string.IsNullOrEmpty(name) || (name == call.Name && call.HasArguments && !call.IsWhole)) ? call
                : null;
        }

        return !string.IsNullOrEmpty(name) && call.Name.Length > 0 && call.IsWhole ? null : call;
    }
}
