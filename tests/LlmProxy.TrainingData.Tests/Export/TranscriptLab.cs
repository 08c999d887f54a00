using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Tests.Export;

/// <summary>Imports Claude Code transcripts with the shipped settings, and says what became of them.</summary>
internal static class TranscriptLab
{
    public static TrajectoryImporter Importer(ExportLab lab) => new(lab.Store, lab.Options, new TaskRulesCatalog(lab.Options.Tasks));

    public static LlmProxy.Core.Configuration.LlmProxyOptions Shipped() => LlmProxy.Server.Hosting.ProxyConfiguration.Load(null, new Dictionary<string, string?>()).Options;

    public static Task<ImportReport> ImportAsync(ExportLab lab, string path) => Importer(lab).ImportAsync(path, ImportSource.ClaudeCode, "default", dryRun: false, null, CancellationToken.None);

    /// <summary>The runs in the order in which they began.</summary>
    public static async Task<List<Trajectory>> RunsAsync(ExportLab lab) =>
        [.. (await lab.Store.ListAsync(new TrajectoryQuery("default"), CancellationToken.None)).Items.OrderBy(r => r.StartedAt).ThenBy(r => r.TaskDescription, StringComparer.Ordinal)];

    /// <summary>Each run as description, steps, calls, and how it ended.</summary>
    public static async Task<string[]> SayAsync(ExportLab lab) =>
        [.. (await RunsAsync(lab)).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.TaskDescription} | {r.IterationCount} steps, {r.ToolCallsCount} calls, {(r.Success is { } success ? success.ToString() : r.QualityScore is null ? "open" : "probable")}"))];

    public static string LeftOut(ImportReport report) => string.Join(", ", report.LeftOut.Select(l => $"{l.Key} {l.Value}"));
}

/// <summary>Writes the records of a session, each following the one before.</summary>
internal sealed class TranscriptWriter(string session = "0b0b0b0b-0000-4000-8000-000000000001")
{
    private readonly List<JsonObject> _records = [];
    private int _count;

    public string? Last { get; set; }

    public string? Agent { get; init; }

    public IReadOnlyList<JsonObject> Records => _records;

    public TranscriptWriter Add(string type, JsonObject? message, Action<JsonObject>? change = null)
    {
        var id = $"{session[..8]}-{Agent}-{++_count}";
        var record = new JsonObject
        {
            ["type"] = type,
            ["uuid"] = id,
            ["parentUuid"] = Last,
            ["sessionId"] = session,
            ["version"] = "2.1.220",
            ["timestamp"] = new DateTimeOffset(2026, 9, 1, 10, 0, 0, TimeSpan.Zero).AddSeconds(_count).ToString("O", CultureInfo.InvariantCulture),
        };
        if (Agent is not null)
        {
            (record["isSidechain"], record["agentId"]) = (true, Agent);
        }

        if (message is not null)
        {
            record["message"] = message;
        }

        change?.Invoke(record);
        _records.Add(record);
        Last = id;
        return this;
    }

    public TranscriptWriter User(string text, Action<JsonObject>? change = null) => Add("user", new JsonObject { ["role"] = "user", ["content"] = text }, change);

    public TranscriptWriter Call(string id, Action<JsonObject>? change = null, string tool = "Bash", JsonObject? input = null, string model = "claude-opus-4-8") =>
        Reply("msg_" + id, new JsonObject { ["type"] = "tool_use", ["id"] = id, ["name"] = tool, ["input"] = input ?? new JsonObject { ["command"] = "ls " + id } }, null, change, model);

    public TranscriptWriter Result(string id, string text = "ok", Action<JsonObject>? change = null) =>
        Add("user", new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = id, ["content"] = text }) }, change);

    public TranscriptWriter Answer(string id, string text, string? stop = "end_turn", Action<JsonObject>? change = null, string model = "claude-opus-4-8") =>
        Reply("msg_" + id, new JsonObject { ["type"] = "text", ["text"] = text }, stop, change, model);

    /// <summary>A prompt, one call with its result, an answer.</summary>
    public TranscriptWriter Turn(string prompt, string id) => User(prompt).Call(id).Result(id).Answer(id + "z", "Done with " + id);

    public TranscriptWriter Queued(string text, string mode = "prompt") =>
        Add("attachment", null, r => r["attachment"] = new JsonObject { ["type"] = "queued_command", ["prompt"] = text, ["commandMode"] = mode });

    public Task SaveAsync(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return File.WriteAllLinesAsync(path, _records.Select(r => r.ToJsonString()));
    }

    private TranscriptWriter Reply(string message, JsonObject block, string? stop, Action<JsonObject>? change, string model) => Add(
        "assistant",
        new JsonObject
        {
            ["id"] = message,
            ["role"] = "assistant",
            ["model"] = model,
            ["content"] = new JsonArray(block),
            ["stop_reason"] = stop,
            ["usage"] = new JsonObject { ["input_tokens"] = 10, ["output_tokens"] = 5 },
        },
        record =>
        {
            record["requestId"] = "req_" + message;
            change?.Invoke(record);
        });
}
