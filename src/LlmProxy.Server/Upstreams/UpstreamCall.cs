using System.Net;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Upstreams;

/// <summary>
/// What the sending side knows of one call: its body, where that is whole in memory, and what sending it took. One for
/// a request, on <see cref="HttpContext.Features"/>, and with the message that goes upstream.
/// </summary>
internal sealed class UpstreamCall : IAsyncDisposable
{
    private static readonly HttpRequestOptionsKey<UpstreamCall> Option = new("LlmProxy.UpstreamCall");

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task _sending = Task.CompletedTask;
    private bool _isOver;

    /// <summary>The whole body, in memory that is lent until the call is disposed; null where the body streams through.</summary>
    public ReadOnlyMemory<byte>? Body { get; set; }

    /// <summary>When the client's request was whole, by the monotonic clock.</summary>
    public required long ReadTimestamp { get; init; }

    /// <summary>When the call was first handed to the connection, by the monotonic clock; 0 for not yet.</summary>
    public long SentTimestamp { get; set; }

    /// <summary>How often it was sent.</summary>
    public int Tries { get; set; }

    /// <summary>The call that a message belongs to, or null.</summary>
    public static UpstreamCall? Of(HttpRequestMessage message) => message.Options.TryGetValue(Option, out var call) ? call : null;

    /// <summary>Sends the request's call along with a message.</summary>
    public static void Attach(IFeatureCollection features, HttpRequestMessage message)
    {
        if (features.Get<UpstreamCall>() is { } call)
        {
            message.Options.Set(Option, call);
        }
    }

    /// <summary>Writes the whole body; may be called again for another try.</summary>
    /// <exception cref="ObjectDisposedException">The call is over, its memory is no longer its own.</exception>
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

    /// <summary>Ends the call: nothing reads its memory afterwards, also where the answer came before the request was read.</summary>
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

/// <summary>A body in memory, which can be sent more than once. YARP's own content is a stream that ends with the first try.</summary>
internal sealed class BufferedContent : HttpContent
{
    private readonly UpstreamCall _call;
    private readonly long _length;

    /// <summary>The call's body with the headers of the content in whose place it is sent.</summary>
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
