using System.Collections.Concurrent;
using System.Net;
using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Testing.Replay;
using LlmProxy.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Testing;

/// <summary>Passes calls on to the real provider and keeps what a file needs of them: no header, no prompt, no history.</summary>
internal sealed class TrajectoryRecording(string file, RecordedUpstreamOptions options) : IDisposable
{
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
        // Of this server, or decoded on the way.
        "Host", "Content-Length", "Content-Encoding", "Accept-Encoding", "Expect",
    };

    private readonly Redactor _redactor = Redactor.ForOwnCode(options.Redaction);
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.All }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly ConcurrentDictionary<int, RecordedCall> _calls = new();
    private int _arrived;
    private string? _lastError;

    public async Task HandleAsync(HttpContext context)
    {
        // 1. Where it goes.
        var number = Interlocked.Increment(ref _arrived);
        if (TargetOf(context.Request) is not { } target)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await context.Response.WriteAsync("LlmProxy recording: base URLs are /anthropic, /openai/v1 and /gemini.", context.RequestAborted);
            return;
        }

        // 2. On to the provider.
        var request = context.Request;
        var body = await ReplayHandler.ReadBodyAsync(request, context.RequestAborted) ?? [];
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), target);
        if (body.Length > 0 || request.ContentLength > 0)
        {
            message.Content = new ByteArrayContent(body);
        }

        foreach (var (name, values) in request.Headers.Where(header => !HopByHop.Contains(header.Key)))
        {
            if (!message.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                message.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        HttpResponseMessage answer;
        try
        {
            answer = await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        }
        catch (HttpRequestException error)
        {
            _lastError = $"{target.GetLeftPart(UriPartial.Path)} could not be reached: {error.Message}";
            context.Response.StatusCode = StatusCodes.Status502BadGateway;
            await context.Response.WriteAsync("LlmProxy recording: " + _lastError, context.RequestAborted);
            return;
        }

        // 3. Back to the client as it comes, and into the record.
        using (answer)
        {
            var bytes = await PassOnAsync(context, answer);
            Keep(number, request, body, answer, bytes);
        }
    }

    /// <summary>Writes the file.</summary>
    /// <exception cref="ReplayMismatchException">No call came: the file stays as it is.</exception>
    public async Task SaveAsync()
    {
        if (_calls.IsEmpty)
        {
            throw new ReplayMismatchException($"Nothing was recorded, {file} stays as it is. {_lastError ?? "No completion call came to the base URLs of the RecordedUpstream."}");
        }

        var run = new RecordedTrajectory
        {
            Name = Path.GetFileNameWithoutExtension(file),
            Task = options.Task ?? "",
            Calls = [.. _calls.OrderBy(call => call.Key).Select(call => call.Value)],
        };
        await PrivateFiles.WriteAsync(file, RecordedTrajectoryFile.Write(run, withTiming: false), CancellationToken.None);
    }

    public void Dispose() => _client.Dispose();

    private Uri? TargetOf(HttpRequest request)
    {
        var path = request.Path.Value ?? "";
        foreach (var (prefix, upstream) in new[] { ("/anthropic", options.AnthropicUpstream), ("/openai/v1", options.OpenAiUpstream), ("/gemini", options.GeminiUpstream) })
        {
            if (path.StartsWith(prefix + "/", StringComparison.OrdinalIgnoreCase))
            {
                return new Uri(upstream.GetLeftPart(UriPartial.Path).TrimEnd('/') + path[prefix.Length..] + request.QueryString.Value);
            }
        }

        return null;
    }

    private static async Task<byte[]> PassOnAsync(HttpContext context, HttpResponseMessage answer)
    {
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers).Where(header => !HopByHop.Contains(header.Key)))
        {
            context.Response.Headers[name] = new StringValues([.. values]);
        }

        using var copy = new MemoryStream();
        await using var stream = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            copy.Write(buffer, 0, read);
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }

        return copy.ToArray();
    }

    private void Keep(int number, HttpRequest request, byte[] body, HttpResponseMessage answer, byte[] bytes)
    {
        if (IncomingReplayCall.Read(request.Method, request.Path + request.QueryString, body, _redactor) is not { } call)
        {
            return;
        }

        var dialect = DialectCatalog.Get(call.Dialect);
        var contentType = answer.Content.Headers.ContentType?.ToString();
        var isError = (int)answer.StatusCode >= 400;
        AssembledReply? reply = null;
        if (!isError)
        {
            var assembler = dialect.CreateAssembler(contentType, call.WantsStream);
            assembler.Append(bytes);
            reply = WithoutSecrets(dialect, assembler.ToReply());
        }

        _calls[number] = new RecordedCall(call.Dialect, call.Marks, new RecordedAnswer
        {
            Status = (int)answer.StatusCode,
            IsStream = isError ? null : call.WantsStream,
            Reply = reply,
            ErrorBody = isError ? Encoding.UTF8.GetString(_redactor.RedactJson(bytes).Span) : null,
        });
    }

    private AssembledReply WithoutSecrets(IDialect dialect, AssembledReply reply) => reply with
    {
        Message = dialect.ReadMessage(_redactor.RedactJson(reply.Message.Json)),
        Refusal = reply.Refusal is null ? null : _redactor.Redact(reply.Refusal),
        Error = reply.Error is null ? null : _redactor.Redact(reply.Error),
        Unknown = [],
    };
}
