using System.Text;
using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Formats;

/// <summary>
/// The ShareGPT form, which holds text alone. Tools, calls and results are written in the text as the Hermes function
/// calling models have them (<c>&lt;tools&gt;</c>, <c>&lt;tool_call&gt;</c>, <c>&lt;tool_response&gt;</c>).
/// </summary>
internal sealed class ShareGptFormat : ConversationFormat
{
    private bool _withMasks;

    public override ShapeRules Shape(ExportRequest request)
    {
        _withMasks = request.TurnMasks;
        return TextOnly(keepLearned: _withMasks);
    }

    public override void Write(Utf8JsonWriter writer, Conversation conversation, ImageFiles images)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("conversations");
        var system = SystemText(conversation);
        if (system.Length > 0)
        {
            Write(writer, "system", system);
        }

        var turns = conversation.Turns;
        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i].IsAssistant)
            {
                var reply = string.Join('\n', turns[i].Calls.Select(c => CallText(c.Name, c.Arguments)).Prepend(turns[i].Text).Where(t => t.Length > 0));
                Write(writer, "gpt", reply, _withMasks && !turns[i].IsTrained);
                continue;
            }

            var parts = new List<MessagePart>(turns[i].Parts);
            while (i + 1 < turns.Count && !turns[i + 1].IsAssistant)
            {
                parts.AddRange(turns[++i].Parts);
            }

            // LLaMA-Factory expects a client's message at every other place: text that came with results is in their message.
            var text = new Turn { IsAssistant = false, Parts = parts }.Text;
            var results = parts.OfType<ToolResult>().Select(r => $"<tool_response>\n{ResultText(r)}\n</tool_response>").ToList();
            Write(writer, results.Count > 0 ? "tool" : "human", string.Join('\n', results.Append(text).Where(t => t.Length > 0)));
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static string SystemText(Conversation conversation)
    {
        var text = new StringBuilder(conversation.System);
        if (conversation.Tools.Count > 0)
        {
            text.Append(text.Length > 0 ? "\n\n" : "").Append("<tools>\n").Append(Json(writer => OpenAiMessages.WriteToolList(writer, conversation.Tools))).Append("\n</tools>");
        }

        return text.ToString();
    }

    private static string CallText(string name, string arguments)
    {
        var json = Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            writer.WritePropertyName("arguments");
            StrictJson.Write(writer, arguments);
            writer.WriteEndObject();
        });
        return $"<tool_call>\n{json}\n</tool_call>";
    }

    private static string Json(Action<Utf8JsonWriter> write) => Encoding.UTF8.GetString(StrictJson.Bytes(write));

    private static void Write(Utf8JsonWriter writer, string from, string value, bool isMasked = false)
    {
        writer.WriteStartObject();
        writer.WriteString("from", from);
        writer.WriteString("value", value);
        if (isMasked)
        {
            // Axolotl, field_messages with message_field_training: train.
            writer.WriteBoolean("train", false);
        }

        writer.WriteEndObject();
    }
}
