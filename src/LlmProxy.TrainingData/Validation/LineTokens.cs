using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>How many tokens a line will take: its texts as a counter says, its structure and images about.</summary>
internal static class LineTokens
{
    // OpenAI: an image of 1024 by 1024 in high detail; Gemini takes 258 for a tile.
    private const int Image = 765;
    private const int Message = 4;

    /// <summary>Tokens of a line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="ofText">Tokens of a text in it.</param>
    public static int OfLine(JsonElement line, Func<string, int> ofText)
    {
        var tokens = 0L;
        Add(line, ofText, ref tokens);
        return (int)Math.Min(int.MaxValue, tokens);
    }

    private static void Add(JsonElement value, Func<string, int> ofText, ref long tokens)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    tokens += property.Utf8Name() is var name && (name.SequenceEqual("role"u8) || name.SequenceEqual("from"u8)) ? Message : 1;
                    Add(property.Value, ofText, ref tokens);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    Add(item, ofText, ref tokens);
                }

                break;
            case JsonValueKind.String:
                var text = value.Text() ?? "";
                tokens += text.StartsWith("data:image/", StringComparison.Ordinal) ? Image : ofText(text);
                break;
            default:
                tokens++;
                break;
        }
    }
}
