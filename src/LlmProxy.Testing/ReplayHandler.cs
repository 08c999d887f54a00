using LlmProxy.Core.Redaction;
using LlmProxy.Testing.Replay;
using LlmProxy.Wire;
using LlmProxy.Wire.ContentEncoding;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Testing;

/// <summary>One request of a replay.</summary>
/// <param name="session">The replay.</param>
/// <param name="redactor">Removes from requests what recordings do not hold.</param>
/// <param name="pauses">The clock of recorded pauses; null for none.</param>
/// <param name="onCall">Called for each call, or null.</param>
internal sealed class ReplayHandler(ReplaySession session, Redactor redactor, TimeProvider? pauses, Action<string>? onCall)
{
    public async Task HandleAsync(HttpContext context)
    {
        // 1. What is asked.
        var request = context.Request;
        var target = request.Path.Value + request.QueryString.Value;
        if (DialectCatalog.Recognize(request.Method, request.Path.Value ?? "") is not { } dialect)
        {
            await AnswerOtherAsync(context);
            return;
        }

        var body = await ReadBodyAsync(request, context.RequestAborted);
        if (body is null || IncomingReplayCall.Read(request.Method, target, body, redactor) is not { } call)
        {
            await WriteAsync(context, ReplayAnswer.Unrecorded(dialect, $"LlmProxy replay: the body of {request.Method} {request.Path} is no request of {DialectCatalog.Get(dialect).Name}."));
            return;
        }

        // 2. Which recorded call it is.
        var match = session.Take(call);
        onCall?.Invoke(match.Call is null ? $"no recording: {Explain(match.Unrecorded!)}" : session.Describe(match.Number));

        // 3. Its answer, in the form that is asked for.
        await WriteAsync(context, match.Call is { } recorded
            ? ReplayAnswer.Of(recorded, call.WantsStream, call.WantsArray)
            : ReplayAnswer.Unrecorded(dialect, $"LlmProxy replay: there is no recording of the call {Explain(match.Unrecorded!)}"));
    }

    /// <summary>The decoded body; null where its encoding is unknown.</summary>
    internal static async Task<byte[]?> ReadBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, cancellationToken);
        var encoding = request.Headers.ContentEncoding.ToString();
        return BodyDecoder.DecodeAll(buffer.ToArray(), encoding)?.ToArray();
    }

    private string Explain(UnrecordedCall missed) => missed.Nearest is { } nearest
        ? $"{missed.Call}. Nearest is {session.Describe(nearest)}, but {missed.Reason}."
        : $"{missed.Call}: {missed.Reason}.";

    /// <summary>Clients probe their base URL before the first call; everything else is not recorded.</summary>
    private static async Task AnswerOtherAsync(HttpContext context)
    {
        var isProbe = HttpMethods.IsHead(context.Request.Method) || (HttpMethods.IsGet(context.Request.Method) && (context.Request.Path.Value ?? "").Count(c => c == '/') <= 1);
        if (!isProbe)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await context.Response.WriteAsync($"LlmProxy replay: only completion calls are recorded, not {context.Request.Method} {context.Request.Path}.", context.RequestAborted);
        }
    }

    private async Task WriteAsync(HttpContext context, ReplayAnswer answer)
    {
        await PauseAsync(answer.FirstByte, context.RequestAborted);
        if (answer.Status == 0)
        {
            context.Abort();
            return;
        }

        var response = context.Response;
        response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
        {
            response.Headers[name] = value;
        }

        if (answer.IsStream)
        {
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }

        await response.StartAsync(context.RequestAborted);
        await response.Body.FlushAsync(context.RequestAborted);
        var begun = pauses?.GetTimestamp() ?? 0;
        foreach (var frame in answer.Frames)
        {
            await PauseAsync(frame.At - (pauses?.GetElapsedTime(begun) ?? frame.At), context.RequestAborted);
            await response.Body.WriteAsync(frame.Bytes, context.RequestAborted);
            await response.Body.FlushAsync(context.RequestAborted);
        }

        if (answer.BreaksOff)
        {
            context.Abort();
        }
    }

    private Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        pauses is null || pause < TimeSpan.FromMilliseconds(1) ? Task.CompletedTask : Task.Delay(pause, pauses, cancellationToken);
}
