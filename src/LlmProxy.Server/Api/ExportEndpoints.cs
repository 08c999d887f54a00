using System.Buffers;
using LlmProxy.Core;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>Export of training data.</summary>
internal static class ExportEndpoints
{
    /// <summary>Header that names the providers whose outputs the data contains.</summary>
    public const string NoticeHeader = "LlmProxy-Export-Notice";

    private const int FlushAt = 64 << 10;

    public static void MapExport(this RouteGroupBuilder api) =>
        api.MapGet("/export", ExportAsync).Produces(200, contentType: "application/jsonl").ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Exports training data as JSON lines; with Accept: " + ExportStream.MediaType + " also the origin of each line, and a summary");

    /// <summary>Exports as the parameters say.</summary>
    internal static async Task<IResult> ExportAsync(
        HttpContext context, [FromServices] TrajectoryExporter exporter, [FromServices] TimeProvider time, [AsParameters] ExportParameters parameters, CancellationToken cancellationToken)
    {
        // 1. Validate.
        var withEvents = context.Request.Headers.Accept.ToString().Contains(ExportStream.MediaType, StringComparison.OrdinalIgnoreCase);
        var request = parameters.ToRequest(context.GetTenant(), withEvents, time);
        if (parameters.Part is not (null or "" or "training" or "validation"))
        {
            throw ApiProblemException.BadField("part", $"must be training or validation, not \"{parameters.Part}\"");
        }

        // 2. Read the first event while a failure of the store can still become an error response.
        var events = exporter.ExportAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await events.MoveNextAsync();
        if (!withEvents && events.Current is ExportStart { Notice.Length: > 0 } start)
        {
            context.Response.Headers[NoticeHeader] = $"outputs of {string.Join(", ", start.Providers.Keys)}; their terms may forbid training other models on them";
        }

        return new ExportResponse(events, withEvents, parameters.Part == "validation");
    }

    /// <summary>The query parameters of an export, validated by name.</summary>
    internal sealed record ExportParameters
    {
        public string? Format { get; init; }

        public string? MinQuality { get; init; }

        public string? SuccessOnly { get; init; }

        public string? Limit { get; init; }

        public string? ModelProvider { get; init; }

        public string? Since { get; init; }

        public string? Split { get; init; }

        public string? Part { get; init; }

        public string? MaxImages { get; init; }

        public string? Redact { get; init; }

        public string? ImageUri { get; init; }

        public string? TurnMasks { get; init; }

        public string? KeepDuplicates { get; init; }

        public string? IncludeInferred { get; init; }

        public string? Outcome { get; init; }

        public ExportRequest ToRequest(string tenant, bool withEvents, TimeProvider time) => new(
            tenant,
            ExportFormats.Parse(Format) ?? throw ApiProblemException.BadField("format", $"must be one of {string.Join(", ", ExportFormats.Names)}, not \"{Format}\""))
        {
            MinQuality = ApiInput.Number("minQuality", MinQuality, 0, 1) ?? 0.7,
            SuccessOnly = ApiInput.Truth("successOnly", SuccessOnly) ?? true,
            IncludeInferred = ApiInput.Truth("includeInferred", IncludeInferred) ?? false,
            Outcomes = [.. (ApiInput.Text(Outcome) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(word => EnumWords.ParseSnake<OutcomeSource>(word) ?? throw ApiProblemException.BadField("outcome", $"must be a list of human, ci, api, judge and agent, not \"{word}\""))],
            Limit = ApiInput.Whole("limit", Limit, 1, int.MaxValue),
            ModelProvider = ApiInput.Text(ModelProvider),
            Since = ApiInput.Time("since", Since, time),
            Split = ApiInput.Number("split", Split, 0, 0.5) ?? 0,
            MaxImages = ApiInput.Whole("maxImages", MaxImages, 0, 10_000),
            Redact = ApiInput.Truth("redact", Redact) ?? false,
            ImageUri = ApiInput.Text(ImageUri),
            TurnMasks = ApiInput.Truth("turnMasks", TurnMasks) ?? false,
            LeaveOutDuplicates = ApiInput.Truth("keepDuplicates", KeepDuplicates) != true,

            // JSON lines alone cannot carry image files.
            KeepsImageFiles = withEvents,
        };
    }

    /// <summary>Writes the lines as they are produced.</summary>
    private sealed class ExportResponse(IAsyncEnumerator<ExportEvent> events, bool withEvents, bool isValidation) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            await using (events)
            {
                httpContext.Response.ContentType = withEvents ? ExportStream.MediaType : "application/jsonl";
                var output = httpContext.Response.BodyWriter;
                do
                {
                    if (withEvents)
                    {
                        ExportStream.Write(output, events.Current);
                    }
                    else if (events.Current is ExportLine line && line.IsValidation == isValidation)
                    {
                        output.Write(line.Json.Span);
                        output.Write("\n"u8);
                    }

                    if (output.UnflushedBytes >= FlushAt)
                    {
                        await output.FlushAsync(httpContext.RequestAborted);
                    }
                }
                while (await events.MoveNextAsync());
                await output.FlushAsync(httpContext.RequestAborted);
            }
        }
    }
}
