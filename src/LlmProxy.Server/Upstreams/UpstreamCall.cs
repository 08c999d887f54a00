using System.Net;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Upstreams;

/// <summary>
/// State of sending one call: its body if that is buffered, and timestamps. One per request, on
/// <see cref="HttpContext.Features"/> and on the message to the upstream.
/// </summary>
internal sealed class UpstreamCall : IAsyncDisposable
{
    private static readonly HttpRequestOptionsKey<UpstreamCall> Option = new("LlmProxy.UpstreamCall");

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task _sending = Task.CompletedTask;
    private bool _isOver;

    /// <summary>The buffered body, in memory rented until the call is disposed; null if the body is streamed.</summary>
    public ReadOnlyMemory<byte>? Body { get; set; }

    /// <summary>Monotonic timestamp at which the client's request was complete.</summary>
    public required long ReadTimestamp { get; init; }

    /// <summary>Monotonic timestamp of the first attempt; 0 before it.</summary>
    public long SentTimestamp { get; set; }

    /// <summary>Number of attempts.</summary>
    public int Tries { get; set; }

    /// <summary>The call that a message belongs to, or null.</summary>
    public static UpstreamCall? Of(HttpRequestMessage message) => message.Options.TryGetValue(Option, out var call) ? call : null;

    /// <summary>Attaches the request's call to a message.</summary>
    public static void Attach(IFeatureCollection features, HttpRequestMessage message)
    {
        if (features.Get<UpstreamCall>() is { } call)
        {
            message.Options.Set(Option, call);
        }
    }

    /// <summary>Writes the buffered body; can be called again for a retry.</summary>
    /// <exception cref="ObjectDisposedException">The call has ended and its memory was returned.</exception>
    public async Task WriteBodyAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var either = cancellationToken.UnsafeRegister(static stop => ((CancellationTokenSource)stop!).Cancel(), _stop);
        Task writing;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isOver, this);
            writing = stream.WriteAsync(Body ?? ReadOnlyMemory<byte>.Empty, _stop.Token).AsTask();
            _sending = _sending.IsCompleted ? writing : Task.WhenAll(_sending, writing);
        }

        await writing;
    }

    /// <summary>Ends the call and waits until its memory is no longer read, even if the response came before the request was sent.</summary>
    public async ValueTask DisposeAsync()
    {
        Task sending;
        lock (_lock)
        {
            _isOver = true;
            sending = _sending;
        }

        if (!sending.IsCompleted)
        {
            await _stop.CancelAsync();
            await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _stop.Dispose();
    }
}

/// <summary>A buffered body, which can be sent more than once. YARP's own content is a stream that is consumed by the first attempt.</summary>
internal sealed class BufferedContent : HttpContent
{
    private readonly UpstreamCall _call;
    private readonly long _length;

    /// <summary>Creates content from a call's body with the headers of the content that it replaces.</summary>
    public BufferedContent(UpstreamCall call, ReadOnlyMemory<byte> body, HttpContent original)
    {
        _call = call;
        _length = body.Length;
        foreach (var (name, values) in original.Headers.NonValidated)
        {
            if (!name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                Headers.TryAddWithoutValidation(name, values);
            }
        }
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => _call.WriteBodyAsync(stream, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) => _call.WriteBodyAsync(stream, cancellationToken);

    protected override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }
}
