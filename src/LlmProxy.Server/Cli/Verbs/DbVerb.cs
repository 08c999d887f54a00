using System.CommandLine;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>db init|check|copy</c>: the store's schema, and the way from a laptop's file to a server's database.</summary>
internal static class DbVerb
{
    public static Command Create(CliContext context) => new("db", "The store: its schema, and a copy of it") { CreateInit(context), CreateCheck(context), CreateCopy(context) };

    private static Command CreateInit(CliContext context)
    {
        var json = CliContext.JsonOption();
        var command = new Command("init", "Creates or upgrades the schema of the configured store; may be called again at any time") { json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var store = Open(configuration);
            await store.InitializeAsync(cancellationToken);
            return Print(context.Console, parse.GetValue(json), configuration, await store.CheckAsync(cancellationToken));
        });
        return command;
    }

    private static Command CreateCheck(CliContext context)
    {
        var json = CliContext.JsonOption();
        var command = new Command("check", "Whether the configured store answers and has the schema that this program needs; changes nothing") { json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var store = Open(configuration);
            return Print(context.Console, parse.GetValue(json), configuration, await store.CheckAsync(cancellationToken));
        });
        return command;
    }

    private static Command CreateCopy(CliContext context)
    {
        var to = new Option<string>("--to") { Description = "The PostgreSQL database: postgres://user:password@host/database, or a connection string of Npgsql", HelpName = "CONNECTION", Required = true };
        var json = CliContext.JsonOption();
        var command = new Command("copy", "Copies the configured SQLite store into a PostgreSQL database; called again it brings the copy up to date") { to, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var source = Open(configuration);
            await using var target = OpenTarget(configuration, parse.GetValue(to)!);
            if (configuration.Options.Storage.Provider != StoreProvider.Sqlite)
            {
                throw new CliException("The configured store is PostgreSQL already; copy moves a SQLite store there. Name it with --LlmProxy:Storage:Provider=sqlite and --LlmProxy:Storage:ConnectionString=\"Data Source=FILE\".");
            }

            var health = await source.CheckAsync(cancellationToken);
            if (!health.Ok)
            {
                throw new CliException($"There is nothing to copy: {health.Error}");
            }

            var result = await CopyAsync(context.Console, source, target, cancellationToken);
            Print(context.Console, parse.GetValue(json), result);
            return ExitCodes.Done;
        });
        return command;
    }

    private static SqlTrajectoryStore Open(ProxyConfiguration configuration) =>
        StoreFactory.Create(configuration.Options.Storage, configuration.BaseDirectory, TimeProvider.System);

    private static SqlTrajectoryStore OpenTarget(ProxyConfiguration configuration, string connection)
    {
        // Read as settings are: an address of DATABASE_URL's kind is translated, and what is wrong is told with its fix.
        var target = configuration.With(
        [
            new("LlmProxy:Storage:Provider", "postgres"),
            new("LlmProxy:Storage:ConnectionString", connection),
        ]);
        return target.Problems.Count == 0
            ? Open(target)
            : throw new CliException("--to: " + string.Join(' ', target.Problems.Select(problem => problem.Fix)), ExitCodes.WrongUsage);
    }

    private static async Task<CopyResult> CopyAsync(CliConsole console, SqlTrajectoryStore source, SqlTrajectoryStore target, CancellationToken cancellationToken)
    {
        if (!console.IsTerminal)
        {
            return await StoreCopy.RunAsync(source, target, null, cancellationToken);
        }

        return await console.Ansi.Progress().HideCompleted(true).StartAsync(async bars =>
        {
            var bar = bars.AddTask("Runs");
            return await StoreCopy.RunAsync(source, target, new Bar(bar), cancellationToken);
        });
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
            console.Line(health.Ok ? $"Schema version {health.SchemaVersion}: as it should be." : health.Error!);
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

        console.Line($"{result.Copied} runs copied, {result.Unchanged} were there already, {result.Pins} prompt pins.");
        if (result.NewerThere > 0)
        {
            console.Line($"{result.NewerThere} runs have gone on in the target since and stay as they are there.");
        }

        if (result.TakenTasks > 0)
        {
            console.Line($"{result.TakenTasks} runs were left out: the target has another run of the same task.");
        }

        console.Line("What a running server records from now on is not in it: set LlmProxy:Storage:Provider to postgres and LlmProxy:Storage:ConnectionString to the new database, restart the server, and call this once more.");
    }

    /// <summary>Moves a bar at once; the platform's own progress would do it on another thread, in any order.</summary>
    private sealed class Bar(ProgressTask task) : IProgress<CopyProgress>
    {
        public void Report(CopyProgress value)
        {
            task.MaxValue = Math.Max(1, value.Total);
            task.Value = value.Done;
        }
    }
}
