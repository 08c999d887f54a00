using System.Runtime.InteropServices;
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
    /// <param name="context">The request.</param>
    /// <param name="body">The body as it came.</param>
    /// <param name="call">The call.</param>
    /// <param name="other">The body for another upstream; null for that of the call.</param>
    public static ForwardedRequest Attach(HttpContext context, RequestBody body, CallSession call, ReadOnlyMemory<byte>? other = null)
    {
        var request = context.Request;
        var upstream = new UpstreamCall { ReadTimestamp = call.ReadTimestamp, Body = other ?? call.Body };

        // A missing array would become an empty body.
        var sent = other ?? (call.Prompt.Body is { } prompt ? prompt : default(ReadOnlyMemory<byte>?));
        var forwarded = new ForwardedRequest(
            context,
            sent is { } rewritten ? StreamOf(rewritten) : body.ToStream(request.Body),
            upstream);
        context.Features.Set(upstream);
        request.Body = forwarded._forwarded;
        if (sent is { } replaced)
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

    private static MemoryStream StreamOf(ReadOnlyMemory<byte> body) => MemoryMarshal.TryGetArray(body, out var array)
        ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
        : new MemoryStream(body.ToArray(), writable: false);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _context.Request.Body = _original;
        await _forwarded.DisposeAsync();
        await Upstream.DisposeAsync();
    }
}
