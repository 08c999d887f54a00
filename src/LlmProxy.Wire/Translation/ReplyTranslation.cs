using System.Buffers;
using LlmProxy.Wire.Translation.Replies;

namespace LlmProxy.Wire.Translation;

/// <summary>
/// Carries one reply of the target to the client, as its bytes come. State is kept for what the client's grammar needs. No
/// bytes make it throw. Not safe for concurrent use.
/// </summary>
public sealed class ReplyTranslation
{
    private const int MaxErrorBody = 64 * 1024;

    private readonly ReplyPlan _plan;
    private readonly LossList _losses = new();
    private readonly ReplyFlow _flow;
    private readonly ReplyReader _reader;
    private readonly ReplyEvents? _events;
    private readonly WholeReply? _whole;
    private readonly int _upstreamStatus;
    private readonly MemoryStream? _error;
    private bool _isWritten;

    internal ReplyTranslation(ReplyPlan plan, int upstreamStatus)
    {
        _plan = plan;
        _upstreamStatus = upstreamStatus;
        var isError = upstreamStatus is < 200 or >= 300;
        _error = isError ? new MemoryStream() : null;
        _events = plan.IsStream && !isError ? ReplyEvents.Create(plan) : null;
        _whole = _events is null ? new WholeReply(plan) : null;
        _flow = new ReplyFlow(plan, (IReplySink?)_events ?? _whole!, _losses);
        _reader = ReplyReader.Create(plan.Target, _flow);
        Status = isError ? StatusFor(upstreamStatus) : 200;
    }

    /// <summary>The content type of what the client gets.</summary>
    public string ContentType => _events is not null && !_plan.IsArray ? "text/event-stream; charset=utf-8" : "application/json; charset=utf-8";

    /// <summary>
    /// The status that the client gets, in the words of its dialect (529 is Anthropic's alone). For a stream it is known at
    /// once; for a whole reply after <see cref="Complete"/>, since a target may report an error in a 200.
    /// </summary>
    public int Status { get; private set; }

    /// <summary>Whether the client gets the reply piece by piece; a whole reply, or an error instead of one, is written by <see cref="Complete"/>.</summary>
    public bool IsStream => _events is not null;

    /// <summary>Whether the reply is over: what follows of the target's body changes nothing. A whole reply is written by <see cref="Complete"/> all the same.</summary>
    public bool HasEnded => _flow.IsOver;

    /// <summary>What of the reply was not carried, as far as it came.</summary>
    public IReadOnlyList<TranslationLoss> Losses => _losses.Losses;

    /// <summary>Takes the next decoded bytes of the target's body, split anywhere, and writes the client's events that they complete.</summary>
    public void Append(ReadOnlySpan<byte> upstream, IBufferWriter<byte> client)
    {
        if (_error is not null)
        {
            _error.Write(upstream[..Math.Min(upstream.Length, MaxErrorBody - (int)_error.Length)]);
            return;
        }

        SetOutput(client);
        _reader.Append(upstream);
    }

    /// <summary>Takes the end of the target's body: writes the whole reply, or the end of the stream. A stream that was cut ends with an error event.</summary>
    public void Complete(IBufferWriter<byte> client)
    {
        SetOutput(client);
        if (_error is not null)
        {
            _flow.Error(_upstreamStatus, UpstreamErrors.MessageOf(_upstreamStatus, _error.ToArray()));
        }

        _reader.Complete();
        WriteWhole(client);
    }

    /// <summary>The target's connection broke: writes an error in the client's dialect, unless the reply is over.</summary>
    public void Fail(string message, IBufferWriter<byte> client)
    {
        SetOutput(client);
        _flow.Error(502, message);
        WriteWhole(client);
    }

    /// <summary>Writes what keeps the client waiting while the target is silent: a ping event (Anthropic) or a comment; nothing for a whole reply or between the elements of an array.</summary>
    /// <returns>Whether anything was written.</returns>
    public bool KeepAlive(IBufferWriter<byte> client)
    {
        if (_events is null || _flow.IsOver)
        {
            return false;
        }

        SetOutput(client);
        return _events.KeepAlive();
    }

    private void SetOutput(IBufferWriter<byte> client)
    {
        if (_events is not null)
        {
            _events.Output = client;
        }
    }

    private void WriteWhole(IBufferWriter<byte> client)
    {
        if (_whole is null || _isWritten)
        {
            return;
        }

        _isWritten = true;
        Status = _whole.ErrorStatus is { } error ? StatusFor(error) : 200;
        client.Write(_whole.ToBytes());
    }

    private int StatusFor(int status) => status == 529 && _plan.Source != DialectKind.AnthropicMessages ? 503 : status is < 400 or > 599 ? 502 : status;
}
