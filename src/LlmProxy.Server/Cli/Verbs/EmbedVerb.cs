using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Core.Retrieval;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>embed</c>: computes the vectors that stored trajectories lack, or replaces those of another model.</summary>
internal static class EmbedVerb
{
    private const int NamedInText = 20;

    public static Command Create(CliContext context)
    {
        var missing = new Option<bool>("--missing") { Description = "Only runs without a vector of the configured embedder (default)" };
        var rebuild = new Option<bool>("--rebuild") { Description = "Recompute the vectors of all runs, then remove vectors of other models" };
        var json = CliContext.JsonOption();
        var command = new Command("embed", "Compute missing vectors of runs, or recompute all; an interrupted command resumes") { missing, rebuild, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            if (parse.GetValue(missing) && parse.GetValue(rebuild))
            {
                throw new CliException("--missing and --rebuild cannot be combined: give one of them.", ExitCodes.WrongUsage);
            }

            // 1. Through the running server if it uses the same embedder, else through a local one on the same store.
            var (api, otherModel) = await OpenAsync(context, parse, cancellationToken);
            await using var connection = api;

            // 2. Batch by batch.
            var isRebuild = parse.GetValue(rebuild);
            var request = new EmbedRequest(Rebuild: isRebuild, RemoveOthers: isRebuild && otherModel is null);
            var done = await context.Console.ProgressAsync("Runs", onProgress => RunAsync(connection, request, onProgress, cancellationToken));

            // 3. Report.
            if (parse.GetValue(json))
            {
                context.Console.Json(JsonSerializer.SerializeToNode(done, ApiJson.Default.EmbedResponse));
            }
            else
            {
                Print(context.Console, done, otherModel);
            }

            return done.Failed.Count == 0 && done.Stopped is null ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    /// <summary>Opens the API to use, and returns the model of a running server that uses another one.</summary>
    private static async Task<(ApiConnection Api, string? OtherModel)> OpenAsync(CliContext context, ParseResult parse, CancellationToken cancellationToken)
    {
        var configuration = context.Configuration(parse);
        var api = await ApiConnection.OpenAsync(configuration, context.ServerAddresses(parse, configuration), context.NamesServer(parse), parse.GetValue(context.Tenant), cancellationToken);
        if (!api.IsRunningServer)
        {
            return (api, null);
        }

        using var wanted = new EmbeddingService(configuration.Options.Embeddings);
        var status = (await api.GetAsync("/status", cancellationToken)).Deserialize(ApiJson.Default.StatusResponse)!.Embeddings;
        // Every run has its lexical vector in any case, and the embedder's key may be configured for the server alone.
        if (!wanted.IsRemote || (status.Model == wanted.Model && status.Dimensions == wanted.Dimensions))
        {
            return (api, null);
        }

        await api.DisposeAsync();
        return (await ApiConnection.OpenLocalAsync(configuration, parse.GetValue(context.Tenant), cancellationToken), Name(status.Model, status.Dimensions));
    }

    private static async Task<EmbedResponse> RunAsync(ApiConnection api, EmbedRequest request, Action<long, long> onProgress, CancellationToken cancellationToken)
    {
        EmbedResponse? all = null;
        do
        {
            var answer = await api.PostAsync("/embeddings", request, ApiJson.Default.EmbedRequest, cancellationToken);
            var portion = answer.Deserialize(ApiJson.Default.EmbedResponse)!;
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

    private static void Print(CliConsole console, EmbedResponse done, string? otherModel)
    {
        var name = Name(done.Model, done.Dimensions);
        if (done.Resumed)
        {
            console.Line("An interrupted rebuild was resumed.");
        }

        console.Line(done is { Total: 0, Stopped: null }
            ? $"All runs have a vector of {name}."
            : string.Create(CultureInfo.InvariantCulture, $"{done.Embedded} of {done.Total} runs embedded with {name}."));
        if (done.Removed > 0)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"{done.Removed} vectors of other models removed."));
        }

        foreach (var failure in done.Failed.Take(NamedInText))
        {
            console.Error.WriteLine($"The embedder rejected run {failure.TrajectoryId}, which keeps only its lexical vector: {failure.Reason}");
        }

        if (done.Failed.Count > NamedInText)
        {
            console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"… and {done.Failed.Count - NamedInText} more; --json lists all."));
        }

        if (done.Stopped is { } reason)
        {
            console.Error.WriteLine($"The embedder is unavailable: {reason} Finished vectors are kept; run the same command again to resume.");
        }
        else if (otherModel is not null)
        {
            console.Line($"The running server still searches with {otherModel}. Restart it with these settings to search with {name}, then run \"llmproxy embed\" again for runs recorded in the meantime.");
        }
    }

    private static string Name(string model, int dimensions) => string.Create(CultureInfo.InvariantCulture, $"{model} ({dimensions} dimensions)");
}
