using System.Buffers;

namespace LlmProxy.Core.Recording;

/// <summary>An exchange as the spool holds it. The request lies in memory that is lent until this is disposed.</summary>
public sealed class SpooledContent : IDisposable
{
    private readonly Lazy<byte[]> _answer;
    private byte[]? _lent;

    /// <exception cref="IOException">The segment cannot be read.</exception>
    internal SpooledContent(IReadOnlyList<SpoolSlice> request, Func<byte[]> readAnswer)
    {
        _answer = new Lazy<byte[]>(readAnswer);
        var length = request.Sum(s => s.Length);
        _lent = ArrayPool<byte>.Shared.Rent(length);
        SpoolSlice.ReadAll(request, _lent);
        Request = _lent.AsMemory(0, length);
    }

    /// <summary>The request body as the client sent it.</summary>
    public ReadOnlyMemory<byte> Request { get; private set; }

    /// <summary>The system prompt that was sent in place of the agent's own, or null.</summary>
    public string? SentPrompt { get; init; }

    /// <summary>Head of the response, or null where none came.</summary>
    public ResponseHead? ResponseHead { get; init; }

    /// <summary>The response's body as far as it came, still encoded; read when it is asked for.</summary>
    /// <exception cref="IOException">The segment cannot be read.</exception>
    public byte[] Answer => _answer.Value;

    /// <summary>How it ended.</summary>
    public required ExchangeTail Tail { get; init; }

    /// <summary>Gives the request's memory back.</summary>
    public void Dispose()
    {
        if (_lent is { } lent)
        {
            (_lent, Request) = (null, default);
            ArrayPool<byte>.Shared.Return(lent);
        }
    }
}
