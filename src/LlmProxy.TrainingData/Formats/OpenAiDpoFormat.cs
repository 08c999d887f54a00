using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.TrainingData.Pairs;

namespace LlmProxy.TrainingData.Formats;

/// <summary>OpenAI's preference format (developers.openai.com, "Direct preference optimization"): text alone, one reply compared with one.</summary>
internal sealed class OpenAiDpoFormat : PairFormat
{
    public override ShapeRules Shape(ExportRequest request) => TextOnly();

    public override void Write(Utf8JsonWriter writer, Comparison comparison)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("input");
        OpenAiMessages.Write(writer, comparison.System, comparison.Input, withWeight: false);
        OpenAiMessages.WriteTools(writer, comparison.Tools, [.. comparison.Input, comparison.Preferred, comparison.Other]);
        writer.WriteEndObject();
        foreach (var (name, turn) in new[] { ("preferred_output", comparison.Preferred), ("non_preferred_output", comparison.Other) })
        {
            writer.WriteStartArray(name);
            OpenAiMessages.WriteTurn(writer, turn, withWeight: false);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }
}
