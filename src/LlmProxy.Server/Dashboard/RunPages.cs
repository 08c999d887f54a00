using System.Globalization;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Wire;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>The list of trajectories, and each of them with its steps.</summary>
internal static class RunPages
{
    private const int StepsPerPage = 20;
    private const int MostRelated = 10;
    private const string Path = "/trajectories";

    public static void MapRuns(this RouteGroupBuilder pages)
    {
        pages.MapGet(Path, ListAsync);
        pages.MapGet(Path + "/{id}", ReadAsync);
        pages.MapGet(Path + "/{id}/steps/{n}/text", ReadTextAsync);
        pages.MapGet(Path + "/{id}/steps/{n}/images/{message}/{image}", ReadImageAsync);
        pages.MapPost(Path + "/{id}/outcome", StateAsync).WithMetadata(new OpenToReaders());
        pages.MapPost(Path + "/{id}/delete", DeleteAsync);
    }

    /// <summary>Address of a trajectory's page.</summary>
    public static string Address(Trajectory run) => Address(run.Id);

    /// <summary>Address of a trajectory's page.</summary>
    public static string Address(string id) => $"{DashboardEndpoints.Prefix}{Path}/{Uri.EscapeDataString(id)}";

    private static async Task<IResult> ListAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] ITrajectoryStore store, [FromServices] TimeProvider time, [AsParameters] TrajectoryEndpoints.ListParameters parameters, CancellationToken cancellationToken)
    {
        var query = parameters.ToQuery(context.GetTenant(), time);
        TrajectoryPage page;
        try
        {
            page = await store.ListAsync(query, cancellationToken);
        }
        catch (Exception error) when (query.Cursor is not null && error is FormatException or ArgumentException)
        {
            throw ApiProblemException.BadField("cursor", "must be that of a link of the page before");
        }

        return await frames.PageAsync<RunsPage>(context, new()
        {
            ["Runs"] = page,
            ["Providers"] = ProviderResolver.Names,
            ["Query"] = context.Request.Query.ToDictionary(pair => pair.Key, pair => pair.Value.ToString(), StringComparer.OrdinalIgnoreCase),
        });
    }

    private static async Task<IResult> ReadAsync(
        HttpContext context, string id, [FromServices] PageFrames frames, [FromServices] TaskService tasks, [FromServices] TrajectoryReader reader, [FromServices] ITrajectoryStore store,
        [FromServices] TrajectoryMapper mapper, [FromServices] IJudgementStore judgements, string? from, CancellationToken cancellationToken)
    {
        if (await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is not { } run)
        {
            return await NoRunAsync(context, frames);
        }

        var first = ApiInput.Whole("from", from, 1, int.MaxValue) ?? 1;
        var related = new List<(string Kind, Trajectory Run)>();
        IEnumerable<(string, string)> references = [.. run.ParentId is { } parent ? [("started by", parent)] : Array.Empty<(string, string)>(), .. run.ExampleIds.Take(MostRelated).Select(example => ("example", example))];
        foreach (var (kind, other) in references)
        {
            if (await store.FindTrajectoryAsync(run.Tenant, other, cancellationToken) is { } found)
            {
                related.Add((kind, found));
            }
        }

        return await frames.PageAsync<RunPage>(context, new()
        {
            ["Run"] = run,
            ["Scoring"] = mapper.Score(run),
            ["Judgements"] = (await judgements.ListJudgementsAsync(run.Tenant, [run.Id], cancellationToken)).Select(JudgementDto.Of).ToList(),
            ["Related"] = related,
            ["Steps"] = run.HasContent ? await reader.ReadPageAsync(run.Id, first, StepsPerPage, cancellationToken) : [],
            ["From"] = first,
            ["PageSize"] = StepsPerPage,
            ["IsDeleting"] = context.Request.Query.ContainsKey("delete"),
        });
    }

    private static async Task<IResult> ReadTextAsync(HttpContext context, string id, string n, [FromServices] PageFrames frames, [FromServices] TaskService tasks, [FromServices] TrajectoryReader reader, CancellationToken cancellationToken)
    {
        if (await FindStepAsync(context, id, n, tasks, reader, cancellationToken) is not { } step)
        {
            return await NoRunAsync(context, frames);
        }

        var text = new StringBuilder();
        foreach (var (message, _) in step.Messages)
        {
            text.Append("--- ").Append(message.Role).Append('\n').Append(Encoding.UTF8.GetString(message.Json.Span)).Append("\n\n");
        }

        if (step.Reply is { } reply)
        {
            text.Append("--- reply\n").Append(Encoding.UTF8.GetString(reply.Json.Span)).Append('\n');
        }

        return TypedResults.Text(text.ToString(), "text/plain", Encoding.UTF8);
    }

    private static async Task<IResult> ReadImageAsync(
        HttpContext context, string id, string n, string message, string image, [FromServices] PageFrames frames, [FromServices] TaskService tasks, [FromServices] TrajectoryReader reader, CancellationToken cancellationToken)
    {
        var (at, number) = (ApiInput.Whole("message", message, 0, int.MaxValue)!.Value, ApiInput.Whole("image", image, 0, int.MaxValue)!.Value);
        if (await FindStepAsync(context, id, n, tasks, reader, cancellationToken) is not { } step
            || MessagesOf(step).ElementAtOrDefault(at) is not { } found
            || ImagesOf(found).ElementAtOrDefault(number)?.Base64 is not { } base64)
        {
            return await NoRunAsync(context, frames);
        }

        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length) && VerifiedImage.TypeOf(bytes.AsSpan(0, length)) is { } type
            ? TypedResults.Bytes(bytes.AsMemory(0, length), type)
            : await frames.MessageAsync(context, 415, "No image", "The bytes are no PNG, JPEG, GIF or WebP image.");
    }

    private static async Task<IResult> StateAsync(HttpContext context, string id, [FromServices] PageFrames frames, [FromServices] TaskService tasks, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var success = ApiInput.Truth("success", form["success"].ToString()) ?? throw ApiProblemException.BadField("success", "is missing; choose success or failure");
        if (await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is not { } run)
        {
            return await NoRunAsync(context, frames);
        }

        var result = new StatedResult(success, OutcomeSource.Human, context.GetCaller().KeyName);
        await tasks.CompleteAsync(run.Tenant, run.TaskId, result, null, ApiInput.Text(form["comment"].ToString().Trim()), cancellationToken);
        return TypedResults.Redirect(Address(run));
    }

    private static async Task<IResult> DeleteAsync(HttpContext context, string id, [FromServices] PageFrames frames, [FromServices] TaskService tasks, [FromServices] TrajectoryPurge purge, CancellationToken cancellationToken) =>
        await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is { } run && await purge.DeleteAsync(run, context.GetActor(), cancellationToken)
            ? TypedResults.Redirect(DashboardEndpoints.Prefix + Path)
            : await NoRunAsync(context, frames);

    /// <summary>The messages of a step, its reply last.</summary>
    internal static IEnumerable<ConversationMessage> MessagesOf(StepView step) => step.Messages.Select(entry => entry.Message).Concat(step.Reply is { } reply ? [reply] : []);

    /// <summary>The images of a message, in the order of its parts.</summary>
    internal static IEnumerable<ImageSource> ImagesOf(ConversationMessage message) => message.Parts.SelectMany(ImagesOf);

    /// <summary>The images of a part.</summary>
    internal static IEnumerable<ImageSource> ImagesOf(MessagePart part) => part switch
    {
        ImagePart image => [image.Image],
        ToolResult result => result.Images,
        _ => [],
    };

    private static async Task<StepView?> FindStepAsync(HttpContext context, string id, string n, TaskService tasks, TrajectoryReader reader, CancellationToken cancellationToken)
    {
        var index = ApiInput.Whole("n", n, 1, int.MaxValue)!.Value;
        return await tasks.FindAsync(context.GetTenant(), id, cancellationToken) is { } run && await reader.ReadPageAsync(run.Id, index, 1, cancellationToken) is [var step] && step.Step.Index == index ? step : null;
    }

    private static Task<IResult> NoRunAsync(HttpContext context, PageFrames frames) =>
        frames.MessageAsync(context, 404, "Not found", string.Create(CultureInfo.InvariantCulture, $"There is nothing at {context.Request.Path}. It was deleted, or its content is not kept."));
}
