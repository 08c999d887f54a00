using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translated;

/// <summary>Assembles a response of Gemini's Interactions: the interaction, or its events. Two names of each event are in use.</summary>
internal sealed class InteractionsAssembler : ReplyAssembler
{
    private readonly ReplyAssembler _form;
    private readonly SseReader _events;
    private readonly JsonValueReader _values;
    private bool? _isEvents;

    public InteractionsAssembler(ReplyAssembler form)
    {
        _form = form;
        _events = new SseReader((_, data) => OnValue(data));
        _values = new JsonValueReader(OnValue, static () => { });
    }

    public override bool HasEnded => _form.HasEnded;

    public override void Append(ReadOnlySpan<byte> bytes)
    {
        if (_isEvents is null)
        {
            var first = bytes.IndexOfAnyExcept(" \r\n\t\uFEFF"u8);
            if (first < 0)
            {
                return;
            }

            _isEvents = bytes[first] is not ((byte)'{' or (byte)'[');
        }

        if (_isEvents == true)
        {
            _events.Append(bytes);
        }
        else
        {
            _values.Append(bytes);
        }
    }

    public override AssembledReply ToReply()
    {
        _events.Flush();
        return _form.ToReply();
    }

    private void OnValue(ReadOnlyMemory<byte> data)
    {
        using var document = LenientJson.Parse(data);
        var value = document?.RootElement ?? default;
        if (value.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        using var json = new ByteBuffer();
        switch (value.Text("event_type"u8))
        {
            case null when value.Get("error"u8).Exists():
                json.Add(value);
                break;
            case null:
                AddResponse(json, value);
                break;
            case "interaction.created" or "interaction.start" or "interaction.status_update":
                json.Add("{\"type\":\"response.created\",\"response\":"u8);
                AddResponse(json, value.Get("interaction"u8), isOver: false);
                json.Add("}"u8);
                break;
            case "interaction.completed" or "interaction.complete" or "interaction.failed":
                json.Add("{\"type\":\"response.completed\",\"response\":"u8);
                AddResponse(json, value.Get("interaction"u8));
                json.Add("}"u8);
                break;
            case "step.start" or "content.start":
                AddItem(json, value, value.Get("step"u8, "content"u8));
                break;
            case "step.delta" or "content.delta":
                AddDelta(json, value);
                break;
            case "error":
                json.Add("{\"type\":\"error\",\"error\":"u8).Add(value.Get("error"u8)).Add("}"u8);
                break;
            default:
                return;
        }

        _form.Append(json.Span);
    }

    private static void AddItem(ByteBuffer json, JsonElement value, JsonElement content)
    {
        using var item = new ByteBuffer();
        if (content.Get("type"u8).Is("function_call"u8))
        {
            // Arguments may come in deltas.
            item.Add("{\"type\":\"function_call\",\"call_id\":"u8).Add(content.Get("id"u8)).Add(",\"name\":"u8).Add(content.Get("name"u8)).Add(",\"arguments\":"u8)
                .Add(content.Get("arguments"u8) is { ValueKind: JsonValueKind.Object } arguments && arguments.EnumerateObject().Any() ? arguments.RawText() : "").Add("}"u8);
        }

        if (item.Length > 0)
        {
            AddEvent(json, "response.output_item.added", value).Add(",\"item\":"u8).Add(item.Span).Add("}"u8);
        }
    }

    private static void AddDelta(ByteBuffer json, JsonElement value)
    {
        var delta = value.Get("delta"u8);
        switch (delta.Text("type"u8))
        {
            case "text":
                AddEvent(json, "response.output_text.delta", value).Add(",\"delta\":"u8).Add(delta.Get("text"u8)).Add("}"u8);
                break;
            case "thought_summary" or "thought":
                AddEvent(json, "response.reasoning_summary_text.delta", value).Add(",\"delta\":"u8).Add(delta.Get("content"u8).Get("text"u8)).Add("}"u8);
                break;
            case "arguments_delta" or "arguments":
                AddEvent(json, "response.function_call_arguments.delta", value).Add(",\"delta\":"u8).Add(delta.Get("partial_arguments"u8, "arguments"u8)).Add("}"u8);
                break;
            case "function_call":
                AddEvent(json, "response.output_item.done", value).Add(",\"item\":"u8);
                new InteractionItem(delta, IsModel: true).WriteTo(json);
                json.Add("}"u8);
                break;
            default:
                break;
        }
    }

    private static ByteBuffer AddEvent(ByteBuffer json, string type, JsonElement value) =>
        json.Add("{\"type\":"u8).Add(type).Add(",\"output_index\":"u8).Add(Encoding.UTF8.GetBytes((value.Number("index"u8) ?? 0).ToString(CultureInfo.InvariantCulture)));

    private static void AddResponse(ByteBuffer json, JsonElement interaction, bool isOver = true)
    {
        var status = interaction.Text("status"u8) ?? (isOver ? "completed" : "in_progress");
        var usage = interaction.Get("usage"u8);
        json.Add("{\"object\":\"response\",\"id\":"u8).Add(interaction.Get("id"u8)).Add(",\"model\":"u8).Add(interaction.Get("model"u8, "agent"u8))
            .Add(",\"status\":"u8).Add(status == "requires_action" ? "completed" : status);
        if (interaction.Get("error"u8).Exists())
        {
            json.Add(",\"error\":"u8).Add(interaction.Get("error"u8));
        }

        json.Add(",\"output\":"u8).AddList(interaction.Get("outputs"u8, "steps"u8).Items().SelectMany(InteractionItem.OfOutput), static (to, item) => item.WriteTo(to));
        if (usage.Exists())
        {
            json.Add(",\"usage\":{\"input_tokens\":"u8).Add(usage.Get("total_input_tokens"u8)).Add(",\"output_tokens\":"u8).Add(usage.Get("total_output_tokens"u8))
                .Add(",\"input_tokens_details\":{\"cached_tokens\":"u8).Add(usage.Get("total_cached_tokens"u8))
                .Add("},\"output_tokens_details\":{\"reasoning_tokens\":"u8).Add(usage.Get("total_thought_tokens"u8, "total_reasoning_tokens"u8)).Add("}}"u8);
        }

        json.Add("}"u8);
    }
}
