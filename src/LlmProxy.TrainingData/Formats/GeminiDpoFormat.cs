using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.TrainingData.Pairs;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Formats;

/// <summary>
/// Preference tuning of Gemini (Google's agent platform, "Prepare data for preference tuning"). It takes text alone and
/// learns from the completions alone, so calls and results of the input are written as text, and a reply that calls a
/// tool cannot be compared.
/// </summary>
internal sealed class GeminiDpoFormat : PairFormat
{
    public override ShapeRules Shape(ExportRequest request) => TextOnly();

    public override bool Takes(Comparison comparison) => Takes(comparison.Preferred) && Takes(comparison.Other);

    public override void Write(Utf8JsonWriter writer, Comparison comparison)
    {
        writer.WriteStartObject();
        GeminiContents.WriteSystem(writer, "system_instruction", comparison.System);
        GeminiContents.Write(writer, comparison.Input, turn => WriteParts(writer, turn));
        writer.WriteStartArray("completions");
        WriteCompletion(writer, 1, comparison.Preferred);
        WriteCompletion(writer, 0, comparison.Other);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static bool Takes(Turn turn) => turn.Text.Length > 0 && !turn.Calls.Any();

    private static void WriteParts(Utf8JsonWriter writer, Turn turn)
    {
        foreach (var part in turn.Parts)
        {
            var text = part switch
            {
                TextPart t => t.Text,
                OtherPart { Mark: { } mark } => mark,
                ToolCall call => $"[called {call.Name} with {call.Arguments}]",
                ToolResult result => $"[result of {result.Name}]\n{ResultText(result)}",
                _ => "",
            };
            if (text.Length > 0)
            {
                GeminiContents.WriteText(writer, text);
            }
        }
    }

    private static void WriteCompletion(Utf8JsonWriter writer, int score, Turn turn)
    {
        writer.WriteStartObject();
        writer.WriteNumber("score", score);
        writer.WritePropertyName("completion");
        GeminiContents.Start(writer, "model");
        GeminiContents.WriteText(writer, turn.Text);
        GeminiContents.End(writer);
        writer.WriteEndObject();
    }
}
