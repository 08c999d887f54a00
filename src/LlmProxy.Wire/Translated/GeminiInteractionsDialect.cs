using System.Text.Json;
using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.OpenAiResponses;

namespace LlmProxy.Wire.Translated;

/// <summary>Gemini's Interactions (ai.google.dev/api/interactions-api), recorded in the form of Responses.</summary>
internal sealed class GeminiInteractionsDialect() : TranslatedDialect(DialectKind.GeminiInteractions, "gemini-interactions", "gemini", new OpenAiResponsesDialect())
{
    private static readonly GeminiDialect Gemini = new();

    public override string ProviderConvention => Gemini.ProviderConvention;

    public override bool IsCompletion(ReadOnlySpan<char> path) => path.EndsWith("/interactions", StringComparison.Ordinal);

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new InteractionsAssembler(Form.CreateAssembler(null, streamRequested));

    public override byte[] FormatError(int status, string message) => Gemini.FormatError(status, message);

    protected override byte[]? Translate(ReadOnlyMemory<byte> body, string path)
    {
        using var document = LenientJson.Parse(body);
        var request = document?.RootElement ?? default;
        var input = request.Get("input"u8);
        if (!input.Exists())
        {
            return null;
        }

        using var json = new ByteBuffer(body.Length + 256);
        json.Add("{\"model\":"u8).Add(request.Get("model"u8, "agent"u8)).Add(request.Get("stream"u8).ValueKind == JsonValueKind.True ? ",\"stream\":true"u8 : ",\"stream\":false"u8);
        if (request.Get("previous_interaction_id"u8).Exists())
        {
            json.Add(",\"previous_response_id\":"u8).Add(request.Get("previous_interaction_id"u8));
        }

        var system = request.Get("system_instruction"u8);
        if (system.ValueKind == JsonValueKind.String)
        {
            json.Add(",\"instructions\":"u8).Add(system);
        }

        if (request.Get("tools"u8).ValueKind == JsonValueKind.Array)
        {
            json.Add(",\"tools\":"u8).Add(request.Get("tools"u8));
        }

        json.Add(",\"input\":"u8);
        if (input.ValueKind == JsonValueKind.String)
        {
            json.Add(input);
        }
        else
        {
            var items = input.ValueKind == JsonValueKind.Array ? input.Items() : [input];
            json.AddList(items.SelectMany(InteractionItem.Of), static (to, item) => item.WriteTo(to));
        }

        return json.Add("}"u8).ToArray();
    }
}
