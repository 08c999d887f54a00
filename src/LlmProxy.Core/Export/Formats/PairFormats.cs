using System.Text.Json;
using LlmProxy.Core.Export.Conversations;
using LlmProxy.Core.Export.Pairs;

namespace LlmProxy.Core.Export.Formats;

/// <summary>OpenAI's preference format (developers.openai.com, "Direct preference optimization"): text alone, one reply compared with one.</summary>
internal sealed class OpenAiDpoFormat : PairFormat
{
    public override ShapeRules Shape(ExportRequest request) => TextOnly();

    public override void Write(Utf8JsonWriter writer, Comparison comparison)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("input");
        writer.WriteStartArray("messages");
        OpenAiMessages.WriteSystem(writer, comparison.System);
        foreach (var turn in comparison.Input)
        {
            OpenAiMessages.WriteTurn(writer, turn, withWeight: false);
        }

        writer.WriteEndArray();
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

/// <summary>
/// Preference tuning of Gemini (Google's agent platform, "Prepare data for preference tuning"). It takes text alone and
/// learns from the completions alone, so calls and results of the input are told in words, and a reply that calls a
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
        writer.WriteStartArray("contents");
        for (var i = 0; i < comparison.Input.Count; i++)
        {
            var isModel = comparison.Input[i].IsAssistant;
            GeminiContents.Start(writer, isModel ? "model" : "user");
            WriteParts(writer, comparison.Input[i]);
            while (i + 1 < comparison.Input.Count && comparison.Input[i + 1].IsAssistant == isModel)
            {
                WriteParts(writer, comparison.Input[++i]);
            }

            GeminiContents.End(writer);
        }

        writer.WriteEndArray();
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
                CallPart call => $"[called {call.Name} with {call.Arguments}]",
                ResultPart result => $"[result of {result.Name}]\n{ResultText(result)}",
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
