using System.Text;
using System.Text.Json.Nodes;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// Which recorded calls belong to one run, told from the recordings alone and without the product's own code: a call
/// belongs to the run of the earlier call of its recording whose history is the longest beginning of its own, or whose
/// answer it names.
/// </summary>
internal sealed class RecordedRuns
{
    private readonly Dictionary<string, int> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _histories = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _answers = new(StringComparer.Ordinal);

    public RecordedRuns(IReadOnlyList<RecordedExchange> exchanges)
    {
        foreach (var exchange in exchanges)
        {
            _histories[exchange.Id] = History(exchange.Request);
            _answers[exchange.Cassette] = _answers.GetValueOrDefault(exchange.Cassette) + Encoding.UTF8.GetString(exchange.Response);
        }

        var count = 0;
        foreach (var recording in exchanges.GroupBy(e => e.Cassette, StringComparer.Ordinal))
        {
            var earlier = new List<RecordedExchange>();
            foreach (var exchange in recording.OrderBy(e => e.Sequence))
            {
                _runs[exchange.Id] = Before(exchange, earlier) is { } before ? _runs[before.Id] : count++;
                earlier.Add(exchange);
            }
        }

        // Two runs of which some calls hold the same answers in the same history cannot be told apart by anybody; and
        // neither can two of one recording that begin alike, where it says of no call which of them it continues.
        foreach (var equal in exchanges.Where(e => _histories[e.Id].Count > 0 && Known(_histories[e.Id]) is null)
            .GroupBy(e => e.Cassette + "\n" + string.Join('\n', _histories[e.Id]), StringComparer.Ordinal)
            .Select(g => g.Select(RunOf).Distinct().ToList())
            .Where(runs => runs.Count > 1))
        {
            Twins.UnionWith(equal);
        }

        foreach (var twins in exchanges
            .Where(e => Known(_histories[e.Id]) is not null)
            .Select(e => (Run: _runs[e.Id], Known: Known(_histories[e.Id]) + "\n" + string.Join('\n', GivenIds(e))))
            .GroupBy(c => c.Known, StringComparer.Ordinal)
            .Select(g => g.Select(c => c.Run).Distinct().ToList())
            .Where(runs => runs.Count > 1))
        {
            Twins.UnionWith(twins);
        }
    }

    /// <summary>Runs that nobody could tell from another one.</summary>
    public HashSet<int> Twins { get; } = [];

    public int RunOf(RecordedExchange exchange) => _runs[exchange.Id];

    /// <summary>Whether the call holds answers of the model, so that it continues something.</summary>
    public bool IsContinuation(RecordedExchange exchange) => Known(_histories[exchange.Id]) is not null;

    private RecordedExchange? Before(RecordedExchange exchange, List<RecordedExchange> earlier)
    {
        var body = Parse(exchange.Request);
        if ((string?)(body?["previous_response_id"] as JsonValue) is { } id)
        {
            return earlier.LastOrDefault(e => Encoding.UTF8.GetString(e.Response).Contains($"\"{id}\"", StringComparison.Ordinal));
        }

        var own = _histories[exchange.Id];
        return earlier
            .Where(e => e.Path.Split('?')[0] == exchange.Path.Split('?')[0] || e.Route == exchange.Route)
            .Select(e => (Exchange: e, History: _histories[e.Id]))
            // An equal history is the same step again, unless it is a first call: that one opens a run of its own.
            .Where(e => e.History.Count > 0 && e.History.Count <= own.Count && e.History.SequenceEqual(own.Take(e.History.Count), StringComparer.Ordinal)
                && (e.History.Count < own.Count ? own[e.History.Count..].Exists(IsModel) : own.Exists(IsModel)))
            .OrderBy(e => (e.History.Count, e.Exchange.Sequence))
            .Select(e => e.Exchange)
            .LastOrDefault()
            // A recording that hands a conversation over to another provider's model writes it anew in that one's form.
            ?? earlier.LastOrDefault(e => e.Route != exchange.Route && own.Exists(IsModel) && Words(_histories[e.Id]) is { Length: > 0 } words && Words(own) == words);
    }

    /// <summary>Ids in a history that the recorded answers gave out; those that a client made up tell nobody anything.</summary>
    private IEnumerable<string> GivenIds(RecordedExchange exchange) => Ids(Parse(exchange.Request))
        .Where(id => _answers[exchange.Cassette].Contains($"\"{id}\"", StringComparison.Ordinal))
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal);

    private static IEnumerable<string> Ids(JsonNode? node) => node switch
    {
        JsonObject o => o.SelectMany(p => p is { Key: "id" or "call_id" or "tool_call_id" or "tool_use_id", Value: JsonValue id } && id.TryGetValue(out string? text) ? [text] : Ids(p.Value)),
        JsonArray a => a.SelectMany(Ids),
        _ => [],
    };

    /// <summary>The words that a history begins with.</summary>
    private static string Words(List<string> history) => history.Count == 0 ? "" : string.Concat(Texts(history[0]));

    private static IEnumerable<string> Texts(string message) =>
        message.Split("text:\"").Skip(1).Select(rest => rest.Split('"')[0]);

    /// <summary>The history up to its last answer; null where it holds none.</summary>
    private static string? Known(List<string> history)
    {
        var last = history.FindLastIndex(IsModel);
        return last < 0 ? null : string.Join('\n', history.Take(last + 1));
    }

    private static bool IsModel(string message) => message.StartsWith("model ", StringComparison.Ordinal);

    private static List<string> History(byte[] request)
    {
        var body = Parse(request) as JsonObject;
        var list = body?["messages"] ?? body?["contents"] ?? body?["input"];
        return list switch
        {
            JsonArray items => [.. items.Where(i => !IsSystem(i)).Select(Message)],
            JsonObject one => [Message(one)],
            JsonValue text => [Message(new JsonObject { ["role"] = "user", ["content"] = text.DeepClone() })],
            _ => [],
        };
    }

    private static bool IsSystem(JsonNode? item) => item is JsonObject o && (string?)(o["role"] as JsonValue) is "system" or "developer";

    private static string Message(JsonNode? item)
    {
        var isModel = item is JsonObject o
            && ((string?)(o["role"] as JsonValue) is "assistant" or "model"
                || (o["role"] is null && o["parts"] is null && (string?)(o["type"] as JsonValue) is { } type && !type.EndsWith("_output", StringComparison.Ordinal)));
        return (isModel ? "model " : "user ") + Canonical(item);
    }

    private static string Canonical(JsonNode? node) => node switch
    {
        JsonObject o => "{" + string.Join(',', o
            .Where(p => p.Value is not null && p.Key is not ("cache_control" or "id" or "status") && !(p.Key == "type" && (string?)(p.Value as JsonValue) is "message" or "text" or "input_text"))
            .OrderBy(p => p.Key, StringComparer.Ordinal)
            .Select(p => $"{p.Key}:{(p is { Key: "content" or "output", Value: JsonValue text } ? $"[{{text:{text.ToJsonString()}}}]" : Canonical(p.Value))}")) + "}",
        JsonArray a => "[" + string.Join(',', a.Select(Canonical)) + "]",
        null => "null",
        _ => node.ToJsonString(),
    };

    private static JsonNode? Parse(byte[] json)
    {
        try
        {
            return json.Length == 0 ? null : JsonNode.Parse(json);
        }
        catch (System.Text.Json.JsonException)
        {
            // Some recordings hold bodies that are no JSON.
            return null;
        }
    }
}
