using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Core.Retrieval;
using LlmProxy.Server.Api.Shapes;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>embed</c>: vectors for stored runs that have none, or of another model.</summary>
internal static class EmbedVerb
{
    private const int NamedInText = 20;

    public static Command Create(CliContext context)
    {
        var missing = new Option<bool>("--missing") { Description = "Runs that have no vector of the configured embedder (default)" };
        var rebuild = new Option<bool>("--rebuild") { Description = "All runs anew; vectors of models that are not in use any more are removed at the end" };
        var json = CliContext.JsonOption();
        var command = new Command("embed", "Vectors for runs that have none, or of another model; an interrupted call goes on where it ended") { missing, rebuild, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            if (parse.GetValue(missing) && parse.GetValue(rebuild))
            {
                throw new CliException("--missing and --rebuild exclude each other.", ExitCodes.WrongUsage);
            }

            // 1. Through the server where it has the same embedder; a store is moved to another one beside it.
            var (api, otherModel) = await OpenAsync(context, parse, cancellationToken);
            await using var connection = api;

            // 2. Portion by portion.
            var isRebuild = parse.GetValue(rebuild);
            var request = new EmbedRequest(Rebuild: isRebuild, RemoveOthers: isRebuild && otherModel is null);
            var done = await RunAsync(context.Console, connection, request, cancellationToken);

            // 3. What became of it.
            if (parse.GetValue(json))
            {
                context.Console.Json(JsonSerializer.SerializeToNode(done, ApiJson.Default.EmbedShape));
            }
            else
            {
                Print(context.Console, done, otherModel);
            }

            return done.Failed.Count == 0 && done.Stopped is null ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    /// <summary>The API to use, and the model of a running server that uses another one.</summary>
    private static async Task<(ApiConnection Api, string? OtherModel)> OpenAsync(CliContext context, ParseResult parse, CancellationToken cancellationToken)
    {
        var configuration = context.Configuration(parse);
        var api = await ApiConnection.OpenAsync(configuration, context.Addresses(parse, configuration), cancellationToken);
        if (!api.IsRunningServer)
        {
            return (api, null);
        }

        using var wanted = new EmbeddingService(configuration.Options.Embeddings);
        var status = (await api.GetAsync("/status", cancellationToken)).Deserialize(ApiJson.Default.StatusShape)!.Embeddings;
        // Every run has its lexical vector in any case; and who has no key here may have given it to the server alone.
        if (!wanted.IsRemote || (status.Model == wanted.Model && status.Dimensions == wanted.Dimensions))
        {
            return (api, null);
        }

        await api.DisposeAsync();
        return (await ApiConnection.OpenLocalAsync(configuration, cancellationToken), Name(status.Model, status.Dimensions));
    }

    private static Task<EmbedShape> RunAsync(CliConsole console, ApiConnection api, EmbedRequest request, CancellationToken cancellationToken) =>
        !console.IsTerminal
            ? RunAsync(api, request, (_, _) => { }, cancellationToken)
            : console.Ansi.Progress().AutoClear(true).StartAsync(progress =>
            {
                var bar = progress.AddTask("Runs");
                return RunAsync(
                    api,
                    request,
                    (done, all) =>
                    {
                        bar.MaxValue = Math.Max(1, all);
                        bar.Value = done;
                    },
                    cancellationToken);
            });

    private static async Task<EmbedShape> RunAsync(ApiConnection api, EmbedRequest request, Action<long, long> onProgress, CancellationToken cancellationToken)
    {
        EmbedShape? all = null;
        do
        {
            var answer = await api.PostAsync("/embeddings", request, ApiJson.Default.EmbedRequest, cancellationToken);
            var portion = answer.Deserialize(ApiJson.Default.EmbedShape)!;
            all = all is null
                ? portion
                : all with
                {
                    Embedded = all.Embedded + portion.Embedded,
                    Failed = [.. all.Failed, .. portion.Failed],
                    Removed = portion.Removed,
                    Stopped = portion.Stopped,
                    NextCursor = portion.NextCursor,
                };
            request = request with { Cursor = portion.NextCursor };
            onProgress(all.Embedded + all.Failed.Count, all.Total ?? 0);
        }
        while (all.NextCursor is not null);
        return all;
    }

    private static void Print(CliConsole console, EmbedShape done, string? otherModel)
    {
        var name = Name(done.Model, done.Dimensions);
        if (done.Resumed)
        {
            console.Line("An interrupted rebuild went on where it had ended.");
        }

        console.Line(done is { Total: 0, Stopped: null }
            ? $"Every run has its vector of {name}."
            : string.Create(CultureInfo.InvariantCulture, $"{done.Embedded} of {done.Total} runs embedded by {name}."));
        if (done.Removed > 0)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"{done.Removed} vectors of other models removed."));
        }

        foreach (var failure in done.Failed.Take(NamedInText))
        {
            console.Error.WriteLine($"Run {failure.TrajectoryId} was refused and has its lexical vector alone: {failure.Reason}");
        }

        if (done.Failed.Count > NamedInText)
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"… and {done.Failed.Count - NamedInText} more; --json names all."));
        }

        if (done.Stopped is { } reason)
        {
            console.Error.WriteLine($"The embedder does not answer: {reason} What was made is kept; the same command goes on from here.");
        }
        else if (otherModel is not null)
        {
            console.Line($"The running server still searches with {otherModel}. Restart it with these settings to search with {name}, then run \"llmproxy embed\" once more for what was recorded meanwhile.");
        }
    }

    private static string Name(string model, int dimensions) => string.Create(CultureInfo.InvariantCulture, $"{model} ({dimensions} numbers)");
}
