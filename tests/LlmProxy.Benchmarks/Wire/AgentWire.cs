using System.Text.Encodings.Web;
using System.Text.Json;
using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>
/// How an agent and its model talk in one dialect: the pieces of a request that grows by a tool call and its result
/// with every step, and the answers that these turns came from. What the upstream answers and what the client sends
/// back in the next call are the same text and ids, as with real agents.
/// </summary>
internal abstract class AgentWire
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyList<AgentWire> All { get; } = [new AnthropicWire(), new ChatWire(), new ResponsesWire(), new GeminiWire()];

    public abstract string Name { get; }

    public abstract DialectKind Kind { get; }

    public abstract string Path(bool stream);

    /// <summary>Headers beside those that every call has.</summary>
    public virtual string Headers => "";

    /// <summary>The request's beginning: model, prompt, tools and the first message.</summary>
    public abstract string Open(string system, string toolText, string task);

    /// <summary>The model's turn of a step and the result of its call.</summary>
    public abstract string Turn(int step, string result);

    /// <summary>The request's end.</summary>
    public abstract string Close(bool stream);

    /// <summary>The whole answer of a step; the last one of a run calls no tool.</summary>
    public abstract string Reply(int step, bool isLast);

    /// <summary>The same answer as events.</summary>
    public abstract IEnumerable<string> Events(int step, bool isLast);

    public static AgentWire OfPath(string path) =>
        path.EndsWith("/messages", StringComparison.Ordinal) ? All[0]
        : path.EndsWith("/chat/completions", StringComparison.Ordinal) ? All[1]
        : path.EndsWith("/responses", StringComparison.Ordinal) ? All[2]
        : All[3];

    /// <summary>What an answer's own id ends in; a client knows by it that the answer is its own.</summary>
    protected static string Id(int step) => $"_{Marks.Run}_{step:D2}";

    protected static string Call(int step) => $"call_bench{Id(step)}";

    protected static string Says(int step) =>
        $"Part {step} of run {Marks.Run} is read. The next thing to look at is the file that holds the orders of the month, so I open that one and compare its totals with what we have.";

    protected static string Arguments(int step) => Json(new { path = $"work/run_{Marks.Run}/part_{step:D2}.cs", from = 1, to = 200 });

    protected static string Json(object value) => JsonSerializer.Serialize(value, Relaxed);

    /// <summary>A text in so many pieces as a model streams it in.</summary>
    protected static IEnumerable<string> Pieces(string text, int count)
    {
        // A mark must not be torn: the upstream fills it in piece by piece.
        var words = text.Split(' ');
        return words.Chunk((words.Length + count - 1) / count)
            .Select((chunk, i) => (i == 0 ? "" : " ") + string.Join(' ', chunk));
    }

    protected static string Event(object value, string? name = null)
    {
        // The time is put in front of the closing brace: a field that no client knows, as upstreams do add some.
        var json = Json(value);
        return (name is null ? "" : $"event: {name}\n") + $"data: {json[..^1]},{Marks.ClockField}{Marks.Clock}\"}}\n\n";
    }
}
