using System.Buffers;
using LlmProxy.Server.Auth;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;

namespace LlmProxy.Server.Api;

/// <summary>Training data.</summary>
internal static class ExportEndpoints
{
    /// <summary>Header that says whose outputs are in the data.</summary>
    public const string NoticeHeader = "LlmProxy-Export-Notice";

    private const int FlushAt = 64 << 10;

    public static void MapExport(this RouteGroupBuilder api) =>
        api.MapGet("/export", ExportAsync).Produces(200, contentType: "application/jsonl").ProducesProblem(400)
            .WithTags("Maintenance").WithSummary("Training data as JSON lines; with Accept: " + ExportStream.MediaType + " each with its origin, and a summary");

    private static async Task<IResult> ExportAsync(
        HttpContext context,
        TrajectoryExporter exporter,
        TimeProvider time,
        string? format,
        string? minQuality,
        string? successOnly,
        string? limit,
        string? modelProvider,
        string? since,
        string? split,
        string? part,
        string? maxImages,
        string? redact,
        string? imageUri,
        CancellationToken cancellationToken)
    {
        // 1. What is asked for.
        var withEvents = context.Request.Headers.Accept.ToString().Contains(ExportStream.MediaType, StringComparison.OrdinalIgnoreCase);
        var request = new ExportRequest(
            context.GetTenant(),
            ExportFormats.Parse(format) ?? throw ApiProblemException.BadField("format", $"must be one of {string.Join(", ", ExportFormats.Names)}, not \"{format}\""))
        {
            MinQuality = ApiInput.Number("minQuality", minQuality, 0, 1) ?? 0.7,
            SuccessOnly = ApiInput.Truth("successOnly", successOnly) ?? true,
            Limit = ApiInput.Whole("limit", limit, 1, int.MaxValue),
            ModelProvider = string.IsNullOrEmpty(modelProvider) ? null : modelProvider,
            Since = ApiInput.Time("since", since, time),
            Split = ApiInput.Number("split", split, 0, 0.5) ?? 0,
            MaxImages = ApiInput.Whole("maxImages", maxImages, 0, 10_000),
            Redact = ApiInput.Truth("redact", redact) ?? false,
            ImageUri = string.IsNullOrEmpty(imageUri) ? null : imageUri,

            // Bare lines have no place for image files.
            KeepsImageFiles = withEvents,
        };
        if (part is not (null or "" or "training" or "validation"))
        {
            throw ApiProblemException.BadField("part", $"must be training or validation, not \"{part}\"");
        }

        // 2. The first event tells whether the store answers, while an error can still be one.
        var events = exporter.ExportAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await events.MoveNextAsync();
        if (!withEvents && events.Current is ExportStart { Notice.Length: > 0 } start)
        {
            context.Response.Headers[NoticeHeader] = $"outputs of {string.Join(", ", start.Providers.Keys)}; their terms may forbid training other models on them";
        }

        return new ExportAnswer(events, withEvents, part == "validation");
    }

    /// <summary>Writes the lines as they are made.</summary>
    private sealed class ExportAnswer(IAsyncEnumerator<ExportEvent> events, bool withEvents, bool isValidation) : IResult
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
