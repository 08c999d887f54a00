using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>Gemini's generateContent.</summary>
internal sealed class GeminiWire : AgentWire
{
    private const string Model = "gemini-2.5-pro";

    public override string Name => "gemini";

    public override DialectKind Kind => DialectKind.Gemini;

    public override string Headers => "User-Agent: google-genai-sdk/1.20.0\r\nx-goog-api-key: bench\r\n";

    public override string Path(bool stream) => $"/v1beta/models/{Model}:" + (stream ? "streamGenerateContent?alt=sse" : "generateContent");

    public override string Open(string system, string toolText, string task) => string.Concat(
        "{\"systemInstruction\":",
        Json(new { parts = new object[] { new { text = system } } }),
        ",\"tools\":",
        Json(new object[] { new { functionDeclarations = new object[] { new { name = "read_file", description = toolText } } } }),
        ",\"contents\":[",
        Json(new { role = "user", parts = new object[] { new { text = task } } }));

    public override string Turn(int step, string result) => string.Concat(
        ",",
        Json(new { role = "model", parts = Parts(step, isLast: false) }),
        ",",
        Json(new { role = "user", parts = new object[] { new { functionResponse = new { name = "read_file", response = new { output = result } } } } }));

    public override string Close(bool stream) => "],\"generationConfig\":{\"temperature\":0}}";

    public override string Reply(int step, bool isLast) => Json(Chunk(step, Parts(step, isLast), "STOP"));

    public override IEnumerable<string> Events(int step, bool isLast)
    {
        foreach (var piece in Pieces(Says(step), 10))
        {
            yield return Event(Chunk(step, [new { text = piece }], null));
        }

        yield return Event(Chunk(step, isLast ? [new { text = "" }] : Parts(step, isLast)[1..], "STOP"));
    }

    private static object Chunk(int step, object[] parts, string? reason) => new
    {
        candidates = new object[] { new { index = 0, content = new { role = "model", parts }, finishReason = reason } },
        usageMetadata = new { promptTokenCount = 9000, candidatesTokenCount = 90, totalTokenCount = 9090 },
        modelVersion = Model,
        responseId = "gen" + Id(step),
    };

    private static object[] Parts(int step, bool isLast)
    {
        var text = new { text = Says(step) };
        return isLast ? [text] : [text, new { functionCall = new { name = "read_file", args = System.Text.Json.Nodes.JsonNode.Parse(Arguments(step)) } }];
    }
}
