using System.CommandLine;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>db init|check|copy|backup|vacuum</c>: manages the store's schema and file, and copies a SQLite store into PostgreSQL.</summary>
internal static class DbVerb
{
    public static Command Create(CliContext context) => new("db", "Manage the store: its schema, and a copy of it")
    {
        CreateSchemaVerb(context, "init", "Create or upgrade the schema of the configured store; safe to repeat", upgrades: true),
        CreateSchemaVerb(context, "check", "Check that the configured store is reachable and has the required schema; changes nothing", upgrades: false),
        CreateCopy(context),
        CreateBackup(context),
        CreateVacuum(context),
    };

    private static Command CreateBackup(CliContext context)
    {
        var output = new Option<string>("--output") { Description = "The file to make: a SQLite database, or for PostgreSQL an archive of pg_dump", HelpName = "FILE", Required = true };
        var json = CliContext.JsonOption();
        var command = new Command("backup", "Write a consistent copy of the store to a file; the proxy may run meanwhile") { output, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var store = await OpenHealthyAsync(configuration, cancellationToken);
            var file = Path.GetFullPath(parse.GetValue(output)!);
            await store.BackupAsync(file, cancellationToken);
            var bytes = new FileInfo(file).Length;
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject { ["file"] = file, ["bytes"] = bytes });
                return ExitCodes.Done;
            }

            context.Console.Line(FormattableString.Invariant($"Wrote {file}, {bytes / 1048576.0:0.0} MiB."));
            context.Console.Line(configuration.Options.Storage.Provider == StoreProvider.Sqlite
                ? $"Restore: stop llmproxy, put the file in place of {StorePlace.Describe(configuration.Options.Storage, configuration.BaseDirectory)}, and delete the files with -wal and -shm next to that."
                : "Restore: pg_restore --clean --if-exists --dbname DATABASE " + file);
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateVacuum(CliContext context)
    {
        var json = CliContext.JsonOption();
        var command = new Command("vacuum", "Give back the space of deleted runs; a SQLite store is locked for writing meanwhile, and recording waits in the spool") { json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var store = await OpenHealthyAsync(configuration, cancellationToken);
            var before = await store.ReadSizeAsync(cancellationToken);
            await store.VacuumAsync(cancellationToken);
            var after = await store.ReadSizeAsync(cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject { ["before"] = before, ["after"] = after });
            }
            else
            {
                context.Console.Line(FormattableString.Invariant($"{before / 1048576.0:0.0} MiB before, {after / 1048576.0:0.0} MiB after."));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task<SqlTrajectoryStore> OpenHealthyAsync(ProxyConfiguration configuration, CancellationToken cancellationToken)
    {
        var store = Open(configuration);
        if (await store.CheckAsync(cancellationToken) is { Ok: false } health)
        {
            await store.DisposeAsync();
            throw new CliException($"The store cannot be used: {health.Error}");
        }

        return store;
    }

    private static Command CreateSchemaVerb(CliContext context, string name, string description, bool upgrades)
    {
        var json = CliContext.JsonOption();
        var command = new Command(name, description) { json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var store = Open(configuration);
            if (upgrades)
            {
                await store.InitializeAsync(cancellationToken);
            }

            return Print(context.Console, parse.GetValue(json), configuration, await store.CheckAsync(cancellationToken));
        });
        return command;
    }

    private static Command CreateCopy(CliContext context)
    {
        var to = new Option<string>("--to") { Description = "The PostgreSQL database: postgres://user:password@host/database, or an Npgsql connection string", HelpName = "CONNECTION", Required = true };
        var json = CliContext.JsonOption();
        var yes = CliConsole.YesOption();
        var command = new Command("copy", "Copy the configured SQLite store into a PostgreSQL database; run it again to update the copy") { to, json, yes };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var source = Open(configuration);
            await using var target = OpenTarget(configuration, parse.GetValue(to)!);
            if (configuration.Options.Storage.Provider != StoreProvider.Sqlite)
            {
                throw new CliException("The configured store is PostgreSQL, but copy reads a SQLite store. Select one with --LlmProxy:Storage:Provider=sqlite and --LlmProxy:Storage:ConnectionString=\"Data Source=FILE\".");
            }

            var health = await source.CheckAsync(cancellationToken);
            if (!health.Ok)
            {
                throw new CliException($"The configured store cannot be copied: {health.Error}");
            }

            if ((await target.CheckAsync(cancellationToken)).Ok && (await target.ListTenantsAsync(cancellationToken)).Count > 0)
            {
                context.Console.RequireYes("The target database already holds runs. Update those that are older there, and add the others?", parse.GetValue(yes));
            }

            var result = await context.Console.ProgressAsync("Runs", onProgress => StoreCopy.RunAsync(source, target, new Reporter(onProgress), cancellationToken));
            Print(context.Console, parse.GetValue(json), result);
            return ExitCodes.Done;
        });
        return command;
    }

    private static SqlTrajectoryStore Open(ProxyConfiguration configuration) =>
        StoreFactory.Create(configuration.Options.Storage, configuration.BaseDirectory, TimeProvider.System);

    private static SqlTrajectoryStore OpenTarget(ProxyConfiguration configuration, string connection)
    {
        // Parsed like the settings: a postgres:// URL is translated, and a problem comes with its fix.
        var target = configuration.With(
        [
            new("LlmProxy:Storage:Provider", "postgres"),
            new("LlmProxy:Storage:ConnectionString", connection),
        ]);
        return target.Problems.Count == 0
            ? Open(target)
            : throw new CliException("--to: " + string.Join(' ', target.Problems.Select(problem => problem.Fix)), ExitCodes.WrongUsage);
    }

    private static int Print(CliConsole console, bool json, ProxyConfiguration configuration, StoreHealth health)
    {
        var place = StorePlace.Describe(configuration.Options.Storage, configuration.BaseDirectory);
        if (json)
        {
            console.Json(new JsonObject
            {
                ["ok"] = health.Ok,
                ["provider"] = configuration.Options.Storage.Provider.Word(),
                ["place"] = place,
                ["schemaVersion"] = health.SchemaVersion,
                ["details"] = health.Details,
                ["error"] = health.Error,
            });
        }
        else
        {
            console.Line($"{configuration.Options.Storage.Provider.Word()}, {place} ({health.Details})");
            console.Line(health.Ok ? $"Schema version {health.SchemaVersion} is up to date." : health.Error!);
        }

        return health.Ok ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static void Print(CliConsole console, bool json, CopyResult result)
    {
        if (json)
        {
            console.Json(new JsonObject
            {
                ["copied"] = result.Copied,
                ["unchanged"] = result.Unchanged,
                ["newerThere"] = result.NewerThere,
                ["takenTasks"] = result.TakenTasks,
                ["pins"] = result.Pins,
            });
            return;
        }

        console.Line($"{result.Copied} runs copied, {result.Unchanged} unchanged, {result.Pins} prompt pins.");
        if (result.NewerThere > 0)
        {
            console.Line($"{result.NewerThere} runs are newer in the target and were not overwritten.");
        }

        if (result.TakenTasks > 0)
        {
            console.Line($"{result.TakenTasks} runs were skipped: the target has another run of the same task.");
        }

        console.Line("To move a running server: set LlmProxy:Storage:Provider to postgres and LlmProxy:Storage:ConnectionString to the new database, restart the server, then run this command again to copy what was recorded in the meantime.");
    }

    /// <summary>Reports synchronously; <see cref="Progress{T}"/> would do so on another thread, out of order.</summary>
    private sealed class Reporter(Action<long, long> onProgress) : IProgress<CopyProgress>
    {
        public void Report(CopyProgress value) => onProgress(value.Done, value.Total);
    }
}
