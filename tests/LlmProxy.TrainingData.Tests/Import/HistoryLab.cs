using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sqlite;
using LlmProxy.Tests.Export;
using LlmProxy.TrainingData.Import;
using LlmProxy.Wire;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Tests.Import;

/// <summary>Imports histories of agents into a store of its own, and says what became of them.</summary>
internal sealed class HistoryLab : IAsyncDisposable
{
    private readonly ExportLab _lab;

    private HistoryLab(ExportLab lab)
    {
        _lab = lab;
        Importer = ImporterOf(lab.Options);
    }

    public static string Fixtures => Path.Combine(AppContext.BaseDirectory, "Import", "Fixtures");

    public TrajectoryImporter Importer { get; }

    public LlmProxy.Storage.Sql.SqlTrajectoryStore Store => _lab.Store;

    public string this[string file] => _lab[file];

    /// <summary>With the content of these providers' models kept.</summary>
    public static async Task<HistoryLab> OpenAsync(params string[] providers)
    {
        return new HistoryLab(await ExportLab.OpenAsync(OptionsOf(providers)));
    }

    public static Task<HistoryLab> OpenForAllAsync() => OpenAsync("anthropic", "openai", "gemini", "proxy");

    /// <summary>An importer into the same store, under other settings.</summary>
    public TrajectoryImporter ImporterFor(params string[] providers) => ImporterOf(OptionsOf(providers));

    /// <summary>Copies fixtures into a folder, which becomes the agent's.</summary>
    public string Put(string folder, params string[] fixtures)
    {
        Directory.CreateDirectory(_lab[folder]);
        foreach (var fixture in fixtures)
        {
            File.Copy(Path.Combine(Fixtures, fixture), Path.Combine(_lab[folder], Path.GetFileName(fixture)));
        }

        return _lab[folder];
    }

    /// <summary>Makes a SQLite file of a script.</summary>
    public string PutDatabase(string name, string fixture)
    {
        var file = _lab[name];
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ConnectionString);
        connection.Open();
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // A fixture.
        command.CommandText = File.ReadAllText(Path.Combine(Fixtures, fixture));
#pragma warning restore CA2100
        command.ExecuteNonQuery();
        return file;
    }

    public Task<ImportReport> ImportAsync(ImportSource source, string path, string? batch = null) =>
        Importer.ImportAsync(new ImportRequest { Source = source, Paths = [path], Batch = batch }, null, CancellationToken.None);

    public async Task<List<Trajectory>> RunsAsync() =>
        [.. (await Store.ListAsync(new TrajectoryQuery("default"), CancellationToken.None)).Items.OrderBy(r => r.StartedAt).ThenBy(r => r.TaskDescription, StringComparer.Ordinal)];

    /// <summary>The runs as a reader sees them: a line a run, then a line a step with what came before its reply, the reply, and its tokens.</summary>
    public async Task<string> SayAsync()
    {
        var lines = new List<string>();
        foreach (var run in await RunsAsync())
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{run.TaskDescription} ({run.Model}, {run.Provider}, {run.Project}, {run.FailedToolResults} failed, {run.UserInterventions} interventions)"));
            foreach (var view in await new TrajectoryReader(Store).ReadAsync(run.Id, CancellationToken.None))
            {
                var usage = view.Step.TokenUsage is { } tokens ? string.Create(CultureInfo.InvariantCulture, $"{tokens.Input}/{tokens.CacheRead}+{tokens.Output}/{tokens.Reasoning}") : "?";
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"  {view.Step.Index} keeps {view.Step.HistoryKept}: {string.Join(" | ", view.Messages.Select(m => (m.IsForeign ? "!" : "") + Say(m.Message)))} -> {Say(view.Reply!)} [{usage}]"));
            }
        }

        return string.Join('\n', lines);
    }

    public ValueTask DisposeAsync() => _lab.DisposeAsync();

    private static LlmProxyOptions OptionsOf(string[] providers) => LlmProxy.Server.Hosting.ProxyConfiguration.Load(
        null,
        providers.Select((p, i) => KeyValuePair.Create(string.Create(CultureInfo.InvariantCulture, $"LlmProxy:Recording:Providers:{i}"), (string?)p)).ToDictionary()).Options;

    private TrajectoryImporter ImporterOf(LlmProxyOptions options) => new(_lab.Store, options, new TaskRulesCatalog(options.Tasks)) { Tables = ForeignSqlite.ReadAsync };

    private static string Say(ConversationMessage message)
    {
        var said = new List<string>();
        if (message.Text.Length > 0)
        {
            said.Add(message.Text.Length > 40 ? message.Text[..20].ReplaceLineEndings(" ") + "…" : message.Text);
        }

        said.AddRange(message.ToolCalls.Select(c => c.Name + "()"));
        said.AddRange(message.ToolResults.Select(r => "=" + (r.IsError == true ? "error" : r.Content.Length > 0 ? "ok" : "")));
        return string.Join(" ", said);
    }
}
