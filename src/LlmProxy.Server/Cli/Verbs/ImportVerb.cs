using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using LlmProxy.Storage.Sqlite;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>import</c>: stores the histories that agents keep, or an <c>anthropic</c> export, as trajectories.</summary>
internal static class ImportVerb
{
    /// <summary>The sources by the names of <c>--from</c>.</summary>
    public static IReadOnlyDictionary<string, ImportSource> Sources { get; } = new Dictionary<string, ImportSource>(StringComparer.Ordinal)
    {
        ["claude-code"] = ImportSource.ClaudeCode,
        ["codex"] = ImportSource.Codex,
        ["gemini-cli"] = ImportSource.GeminiCli,
        ["opencode"] = ImportSource.OpenCode,
        ["anthropic"] = ImportSource.Anthropic,
    };

    public static Command Create(CliContext context)
    {
        var options = new Options();
        var command = new Command("import", "Import the runs that agents keep in their own folders, or an anthropic export; safe to repeat")
        {
            options.Path, options.From, options.Project, options.Exclude, options.Since, options.All, options.DryRun, options.Watch, options.Undo, options.Yes, options.Json,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            var tenant = ApiConnection.TenantOf(configuration, parse.GetValue(context.Tenant));
            if (parse.GetValue(options.Undo) is { } batch)
            {
                await using var changed = await OpenAsync(configuration, cancellationToken);
                return await UndoAsync(context.Console, changed, tenant, batch, parse.GetValue(options.Yes), parse.GetValue(options.Json), cancellationToken);
            }

            var request = RequestOf(context, parse, options, tenant);
            await using var store = await OpenAsync(configuration, cancellationToken);
            var importer = ImporterOf(store, configuration);
            var isDecided = parse.GetValue(options.All) || request.Excluded.Count > 0 || parse.GetValue(options.Path) is not null;
            if (!isDecided || request.Projects.Count > 0 || request.Excluded.Count > 0)
            {
                var projects = await importer.ListProjectsAsync(request.Paths, request.Source, cancellationToken);
                if (ImportChoice.Of(context.Console, projects, request, isDecided) is not { } chosen)
                {
                    context.Console.Line("Nothing was imported.");
                    return ExitCodes.Done;
                }

                request = chosen;
            }

            return await RunAsync(context.Console, importer, request, parse.GetValue(options.Watch), parse.GetValue(options.Json), cancellationToken);
        });
        return command;
    }

    /// <summary>A name for an import of now.</summary>
    public static string NewBatch(string source) => string.Create(
        CultureInfo.InvariantCulture, $"{TimeProvider.System.GetUtcNow():yyyyMMdd-HHmmss}-{source}-{RandomNumberGenerator.GetHexString(4, lowercase: true)}");

    /// <summary>The importer of a store.</summary>
    public static TrajectoryImporter ImporterOf(SqlTrajectoryStore store, ProxyConfiguration configuration) =>
        new(store, configuration.Options, new TaskRulesCatalog(configuration.Options.Tasks)) { Tables = ForeignSqlite.ReadAsync };

    /// <summary>Opens the store of the settings.</summary>
    public static async Task<SqlTrajectoryStore> OpenAsync(ProxyConfiguration configuration, CancellationToken cancellationToken)
    {
        var store = StoreFactory.Create(configuration.Options.Storage, configuration.BaseDirectory, TimeProvider.System);
        await store.InitializeAsync(cancellationToken);
        return store;
    }

    private static ImportRequest RequestOf(CliContext context, ParseResult parse, Options options, string tenant)
    {
        var name = parse.GetValue(options.From) ?? throw new CliException($"Name the format with --from: {string.Join(", ", Sources.Keys)}.", ExitCodes.WrongUsage);
        var isDryRun = parse.GetValue(options.DryRun);
        if (isDryRun && parse.GetValue(options.Watch))
        {
            throw new CliException("--watch imports what agents write; leave out --dry-run.", ExitCodes.WrongUsage);
        }

        DateTimeOffset? since = parse.GetValue(options.Since) is not { } text ? null
            : TimeText.TryParse(text, TimeProvider.System, out var time) ? time
            : throw new CliException($"--since must be a time such as 2026-11-22 or 7d, not \"{text}\".", ExitCodes.WrongUsage);
        return new ImportRequest
        {
            Source = Sources[name],
            Paths = PathsOf(context, parse.GetValue(options.Path), name),
            Tenant = tenant,
            Projects = parse.GetValue(options.Project) ?? [],
            Excluded = parse.GetValue(options.Exclude) ?? [],
            Since = since,
            DryRun = isDryRun,
            Batch = NewBatch(name),
        };
    }

    private static IReadOnlyList<string> PathsOf(CliContext context, string? path, string source)
    {
        if (path is not null)
        {
            return File.Exists(path) || Directory.Exists(path) ? [path] : throw new CliException($"File or folder not found: {path}. Check PATH.", ExitCodes.WrongUsage);
        }

        var found = context.Agents.Of(Sources[source]);
        return found.Count > 0 ? found
            : context.Agents.Candidates(Sources[source]) is { Count: > 0 } places ? throw new CliException($"No history of {source} in {string.Join(" or ", places)}. Name the file or folder as PATH.", ExitCodes.WrongUsage)
            : throw new CliException($"Name the file or folder of the {source} export as PATH.", ExitCodes.WrongUsage);
    }

    private static async Task<int> RunAsync(CliConsole console, TrajectoryImporter importer, ImportRequest request, bool watch, bool json, CancellationToken cancellationToken)
    {
        using var watcher = watch ? new HistoryWatcher(request.Paths, TimeProvider.System) : null;
        // A part of a session in opencode's JSON files changes without the session's own file.
        request = watcher is null || request.Source == ImportSource.OpenCode ? request : request with { Reads = watcher.IsChanged };
        var report = await console.ProgressAsync("Files", onProgress => importer.ImportAsync(request, (done, all) => onProgress(done, all), cancellationToken));
        Print(console, report, request, json);
        if (watcher is null)
        {
            return ExitCodes.Done;
        }

        await console.Error.WriteLineAsync($"Watching {string.Join(", ", request.Paths)}. Ctrl-C ends it.");
        try
        {
            while (true)
            {
                await watcher.NextAsync(cancellationToken);
                report = await importer.ImportAsync(request, null, cancellationToken);
                if (report.Added + report.Updated > 0)
                {
                    Print(console, report, request, json);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Done;
        }
    }

    private static void Print(CliConsole console, ImportReport report, ImportRequest request, bool json)
    {
        if (json)
        {
            ImportPrinter.PrintJson(console, report, request.DryRun ? null : request.Batch, request.DryRun);
        }
        else
        {
            ImportPrinter.Print(console, report, request.DryRun ? null : request.Batch, request.DryRun);
        }
    }

    private static async Task<int> UndoAsync(CliConsole console, SqlTrajectoryStore store, string tenant, string batch, bool yes, bool json, CancellationToken cancellationToken)
    {
        var batches = await store.ListImportsAsync(tenant, cancellationToken);
        var found = batches.Where(b => b.Id == batch).ToList() is { Count: 1 } exact ? exact : [.. batches.Where(b => b.Id.StartsWith(batch, StringComparison.Ordinal))];
        if (found.Count != 1)
        {
            var known = batches.Count == 0 ? "There are no imports." : "Imports:\n" + string.Join('\n', batches.Select(b => string.Create(CultureInfo.InvariantCulture, $"  {b.Id}: {b.Trajectories} runs")));
            throw new CliException($"{(found.Count == 0 ? "No import" : "More than one import")} {batch}. {known}", ExitCodes.WrongUsage);
        }

        console.RequireYes(string.Create(CultureInfo.InvariantCulture, $"Delete the {found[0].Trajectories} runs that import {found[0].Id} added, with their examples and all data derived from them?"), yes);
        var removed = await store.UndoImportAsync(tenant, found[0].Id, cancellationToken);
        var now = TimeProvider.System.GetUtcNow();
        await store.AddAuditAsync(
            new AuditEntry(Guid.CreateVersion7(now).ToString("N"), now, tenant, "local", AuditAction.Purge, "import " + found[0].Id, new Dictionary<string, long> { ["trajectories"] = removed }),
            cancellationToken);
        if (json)
        {
            console.Json(new JsonObject { ["batch"] = found[0].Id, ["removed"] = removed });
        }
        else
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"{removed} runs deleted. Runs that an earlier import added stay, with what this one added to them."));
        }

        return ExitCodes.Done;
    }

    private sealed class Options
    {
        public Argument<string?> Path { get; } = new("PATH") { Description = "A file, or a folder to search recursively (default: the agent's own folder)", Arity = ArgumentArity.ZeroOrOne };

        public Option<string?> From { get; } = new Option<string?>("--from") { Description = "Format of the files: " + string.Join(", ", Sources.Keys) }.AcceptOnlyFrom([.. Sources.Keys]);

        public Option<string[]> Project { get; } = new("--project") { Description = "Only this project, by its path or last folder; repeatable", HelpName = "NAME" };

        public Option<string[]> Exclude { get; } = new("--exclude") { Description = "Not this project; repeatable", HelpName = "NAME" };

        public Option<string?> Since { get; } = new("--since") { Description = "Only runs that started at or after this time, such as 2026-11-22 or 7d", HelpName = "TIME" };

        public Option<bool> All { get; } = new("--all") { Description = "All projects; do not ask" };

        public Option<bool> DryRun { get; } = new("--dry-run") { Description = "Count only; store nothing" };

        public Option<bool> Watch { get; } = new("--watch") { Description = "Continue to import what the agent writes, until Ctrl-C" };

        public Option<string?> Undo { get; } = new("--undo") { Description = "Delete the runs that an import added", HelpName = "BATCH" };

        public Option<bool> Yes { get; } = CliConsole.YesOption();

        public Option<bool> Json { get; } = CliContext.JsonOption();
    }

    private static Option<string?> AcceptOnlyFrom(this Option<string?> option, string[] values)
    {
        option.AcceptOnlyFromAmong(values);
        return option;
    }
}
