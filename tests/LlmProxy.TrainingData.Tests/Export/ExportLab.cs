using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using LlmProxy.Tests.Cli;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Export;

/// <summary>A SQLite store with runs written step by step, and what an export makes of them.</summary>
internal sealed class ExportLab : IAsyncDisposable
{
    private readonly TestFolder _folder = new();

    private ExportLab(LlmProxyOptions options)
    {
        Options = options;
        Store = StoreFactory.Create(new StorageOptions { ConnectionString = $"Data Source={_folder["lab.db"]}" }, _folder.Path, TimeProvider.System);
    }

    public static DateTimeOffset Start { get; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public LlmProxyOptions Options { get; }

    public SqlTrajectoryStore Store { get; }

    public string this[string file] => _folder[file];

    public static async Task<ExportLab> OpenAsync(LlmProxyOptions? options = null)
    {
        var lab = new ExportLab(options ?? new LlmProxyOptions());
        await lab.Store.InitializeAsync(CancellationToken.None);
        return lab;
    }

    public static Trajectory Run(string id, string task, double? quality = 0.9, bool? success = true, int minute = 0) => new()
    {
        Id = id,
        TaskId = "task-" + id,
        Tenant = "default",
        ConversationId = "task-" + id,
        Provider = "anthropic",
        Model = "claude-sonnet-4-5",
        TaskDescription = task,
        Status = success == false ? TrajectoryStatus.Failed : TrajectoryStatus.Completed,
        Success = success,
        QualityScore = success == true ? quality : null,
        StartedAt = Start.AddMinutes(minute),
        LastActivityAt = Start.AddMinutes(minute + 1),
        CompletedAt = Start.AddMinutes(minute + 1),
        OutcomeSource = OutcomeSource.Api,
        HasContent = true,
    };

    /// <summary>Saves a run. Each step is: how much of the history it keeps, its new messages (a foreign one begins with !), its reply.</summary>
    public async Task SaveAsync(Trajectory run, DialectKind dialect, string? system, string? tools, params (int Kept, string[] Messages, string Reply)[] steps)
    {
        var contents = new List<Content>();
        var rows = steps.Select((step, i) => new TrajectoryStep
        {
            TrajectoryId = run.Id,
            Index = i + 1,
            ExchangeId = $"{run.Id}-{i}",
            Dialect = dialect,
            Model = run.Model,
            SystemPrompt = system is null ? null : Keep(system),
            SentSystemPrompt = system is null ? null : Keep(system + "\nLEARNING FROM SUCCESSFUL EXAMPLES\nan injected example"),
            Tools = tools is null ? null : Keep(tools),
            HistoryKept = step.Kept,
            Messages = [.. step.Messages.Select(m => new StepMessage(Keep(m.TrimStart('!')), DialectCatalog.Get(dialect).ReadMessage(Encoding.UTF8.GetBytes(m.TrimStart('!'))).Role, m.StartsWith('!')))],
            Reply = Keep(step.Reply),
            StartedAt = run.StartedAt.AddSeconds(i),
            HttpStatus = 200,
        }).ToList();
        await Store.SaveAsync(
            [
                new TrajectoryChange
                {
                    Trajectory = run with { IterationCount = steps.Length },
                    Steps = rows,
                    Contents = contents,
                    Embeddings = [new TrajectoryEmbedding(LexicalEmbedder.ModelName, EmbeddingService.TaskKind, LexicalEmbedder.Embed(run.TaskDescription), run.TaskDescription)],
                },
            ],
            CancellationToken.None);

        ContentHash Keep(string text)
        {
            var content = Content.Of(Encoding.UTF8.GetBytes(text));
            contents.Add(content);
            return content.Hash;
        }
    }

    /// <summary>A run of one question and one answer.</summary>
    public Task SaveAnswerAsync(Trajectory run, string answer = "Done.") =>
        SaveAsync(run, DialectKind.AnthropicMessages, "You are a clerk.", null, (0, [User(run.TaskDescription)], Assistant(answer)));

    public async Task<(List<ExportLine> Lines, ExportSummary Summary, ExportStart Start)> ExportAsync(ExportRequest request)
    {
        var lines = new List<ExportLine>();
        ExportSummary? summary = null;
        ExportStart? start = null;
        await foreach (var item in Exporter().ExportAsync(request, CancellationToken.None))
        {
            switch (item)
            {
                case ExportLine line:
                    lines.Add(line);
                    break;
                case ExportSummary end:
                    summary = end;
                    break;
                case ExportStart begin:
                    start = begin;
                    break;
            }
        }

        return (lines, summary!, start!);
    }

    /// <summary>The only line of an export.</summary>
    public async Task<string> LineAsync(ExportFormat format, Func<ExportRequest, ExportRequest>? change = null)
    {
        var request = new ExportRequest("default", format);
        var (lines, summary, _) = await ExportAsync(change is null ? request : change(request));
        Assert.DoesNotContain(summary.Notes.Keys, n => n.Contains("rule", StringComparison.Ordinal));
        return Encoding.UTF8.GetString(Assert.Single(lines).Json.Span);
    }

    public TrajectoryExporter Exporter(TimeProvider? time = null) => new(Store, Store, Store, new TrajectoryReader(Store), Options, time ?? TimeProvider.System) { Judgements = Store };

    public Task<ExportResult> WriteAsync(ExportRequest request, string file) =>
        new ExportFiles(request, _folder[file]).WriteAsync(Exporter().ExportAsync(request, CancellationToken.None), _ => { }, CancellationToken.None);

    public static string User(string text) => new JsonObject { ["role"] = "user", ["content"] = text }.ToJsonString();

    public static string Assistant(string text) => new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = text }) }.ToJsonString();

    public static string Use(string id, string name, string input, string? text = null) =>
        $$"""{"role":"assistant","content":[{{(text is null ? "" : $$"""{"type":"text","text":"{{text}}"},""")}}{"type":"tool_use","id":"{{id}}","name":"{{name}}","input":{{input}}}]}""";

    public static string Result(string id, string content, bool isError = false) =>
        $$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{id}}","content":{{content}}{{(isError ? ",\"is_error\":true" : "")}}}]}""";

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Dispose();
    }
}
