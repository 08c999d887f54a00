using LlmProxy.Core.Calls;
using LlmProxy.Server.Upstreams;

namespace LlmProxy.Server.Pipeline;

/// <summary>Replaces the request's body by the buffered or rewritten one for forwarding. Disposing it restores the original body.</summary>
internal sealed class ForwardedRequest : IAsyncDisposable
{
    private readonly HttpContext _context;
    private readonly Stream _original;
    private readonly Stream _forwarded;

    private ForwardedRequest(HttpContext context, Stream forwarded, UpstreamCall upstream)
    {
        (_context, _original, _forwarded, Upstream) = (context, context.Request.Body, forwarded, upstream);
    }

    /// <summary>State of sending the call.</summary>
    public UpstreamCall Upstream { get; }

    /// <summary>Replaces the request's body by that of a call.</summary>
    public static ForwardedRequest Attach(HttpContext context, RequestBody body, CallSession call)
    {
        var request = context.Request;
        var upstream = new UpstreamCall { ReadTimestamp = call.ReadTimestamp, Body = call.Body };
        var forwarded = new ForwardedRequest(
            context,
            call.Prompt.Body is { } rewritten ? new MemoryStream(rewritten, writable: false) : body.ToStream(request.Body),
            upstream);
        context.Features.Set(upstream);
        request.Body = forwarded._forwarded;
        if (call.Prompt.Body is { } replaced)
        {
            request.ContentLength = replaced.Length;
            request.Headers.Remove("Content-Encoding");
        }
        else if (request.ContentLength is null && call.IsRead && !call.Dialect.IsRecordOnly)
        {
            request.ContentLength = body.Bytes.Length;
            request.Headers.Remove("Transfer-Encoding");
        }

        return forwarded;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _context.Request.Body = _original;
        await _forwarded.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}
