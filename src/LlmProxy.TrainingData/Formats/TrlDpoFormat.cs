using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.TrainingData.Pairs;

namespace LlmProxy.TrainingData.Formats;

/// <summary>Preferences for TRL with an explicit prompt.</summary>
internal sealed class TrlDpoFormat : PairFormat
{
    public override ShapeRules Shape(ExportRequest request) => TextOnly();

    public override void Write(Utf8JsonWriter writer, Comparison comparison)
    {
        writer.WriteStartObject();
        writer.WriteStartArray("prompt");
        TrlMessages.WriteSystem(writer, comparison.System, inParts: false);
        TrlMessages.WriteTurns(writer, comparison.Input, null);
        writer.WriteEndArray();
        foreach (var (name, turn) in new[] { ("chosen", comparison.Preferred), ("rejected", comparison.Other) })
        {
            writer.WriteStartArray(name);
            TrlMessages.WriteTurns(writer, [turn], null);
            writer.WriteEndArray();
        }

        TrlMessages.WriteTools(writer, comparison.Tools);
        writer.WriteEndObject();
    }
}
