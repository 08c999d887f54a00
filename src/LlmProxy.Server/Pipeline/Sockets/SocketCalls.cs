using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using LlmProxy.Wire.OpenAiResponses;

namespace LlmProxy.Server.Pipeline.Sockets;

/// <summary>
/// The calls of one WebSocket: each <c>response.create</c> is one, and the events that follow in its lane are its
/// response. A lane answers its calls in order. A call that only prepares the server (<c>generate: false</c>) is no step; a
/// call that continues it begins its history.
/// </summary>
/// <remarks>The client's direction and the upstream's may call at the same time. Nothing here ends the connection.</remarks>
/// <param name="pipeline">Reads, assigns, enhances and records the calls.</param>
/// <param name="start">Creates a call from the body of its message.</param>
/// <param name="budget">Limits what is held in memory.</param>
/// <param name="tooLarge">Counts a call that exceeds a limit.</param>
/// <param name="failed">Logs a failure.</param>
internal sealed class SocketCalls(CallPipeline pipeline, Func<ReadOnlyMemory<byte>, CallStart> start, BufferBudget budget, Action tooLarge, Action<Exception> failed)
{
    // A client continues the latest one at once.
    private const int MostPrewarmed = 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<OpenCall>> _lanes = new(StringComparer.Ordinal);
    private readonly Queue<(string Id, ContinuedResponse Continues)> _prewarmed = new();
    private int _leftFirst;

    /// <summary>Takes a message of the client.</summary>
    /// <returns>The message to send instead; null to send it as it came.</returns>
    public async ValueTask<byte[]?> SendAsync(TextMessage message, CancellationToken cancellationToken)
    {
        if (SocketMessage.Read(message.Text) is not { IsCreate: true } create)
        {
            budget.Return(message.Reserved);
            return null;
        }

        var previous = Resolve(create.PreviousResponseId);
        if (!create.Generates)
        {
            budget.Return(message.Reserved);
            Open(create.Lane, new OpenCall(null, previous));
            return null;
        }

        CallSession call;
        try
        {
            call = await pipeline.BeginAsync(
                start(message.Text) with { Continues = previous, MayInsertPrompt = previous.Id is null },
                cancellationToken);
        }
        catch
        {
            budget.Return(message.Reserved);
            throw;
        }

        call.Reserved(message.Reserved);
        Open(create.Lane, new OpenCall(call, null));
        return call.Prompt.Body;
    }

    /// <summary>Takes a message of the upstream, before it goes to the client.</summary>
    public void Receive(TextMessage message)
    {
        try
        {
            if (SocketMessage.Read(message.Text) is { IsReply: true } reply)
            {
                Receive(message.Text, reply);
            }
        }
        catch (Exception error)
        {
            failed(error);
        }
        finally
        {
            budget.Return(message.Reserved);
        }
    }

    /// <summary>Notes that a message of the client was not read because it exceeds a limit.</summary>
    public void SentTooLarge()
    {
        tooLarge();
        Open("", new OpenCall(null, null));
    }

    /// <summary>Notes that an event of the upstream was not read because it exceeds a limit.</summary>
    public void ReceivedTooLarge()
    {
        lock (_lock)
        {
            foreach (var call in _lanes.Values.SelectMany(lane => lane).Select(open => open.Call))
            {
                call?.Record?.MarkTruncated();
            }
        }
    }

    /// <summary>Notes that a side closes the connection; the first one counts.</summary>
    /// <param name="outcome">What that means for the calls that are open.</param>
    public void Close(ExchangeOutcome outcome) => Interlocked.CompareExchange(ref _leftFirst, (int)outcome, (int)ExchangeOutcome.Complete);

    /// <summary>Ends the calls that are still open when the connection has ended.</summary>
    /// <param name="outcome">How the connection ended.</param>
    public void End(ExchangeOutcome outcome)
    {
        Close(outcome == ExchangeOutcome.Complete ? ExchangeOutcome.UpstreamBroke : outcome);
        outcome = (ExchangeOutcome)Volatile.Read(ref _leftFirst);

        lock (_lock)
        {
            foreach (var call in _lanes.Values.SelectMany(lane => lane).Select(open => open.Call).OfType<CallSession>())
            {
                Complete(call, outcome, call.IsRead && call.Copy.HasStarted ? StatusCodes.Status200OK : 0);
            }

            _lanes.Clear();
        }
    }

    private void Receive(byte[] json, SocketMessage reply)
    {
        lock (_lock)
        {
            if (LaneOf(reply.Lane) is not { } lane || !lane.TryPeek(out var open))
            {
                return;
            }

            var status = reply.Status ?? StatusCodes.Status200OK;
            if (open.Call is { IsRead: true } call)
            {
                call.Copy.Begin(status, "application/json", "", null);
                call.Copy.Append(json);
            }

            if (!reply.EndsReply)
            {
                return;
            }

            _ = lane.Dequeue();
            if (open.Prewarms is { } continues && reply.ResponseId is { } id)
            {
                _prewarmed.Enqueue((id, continues));
                if (_prewarmed.Count > MostPrewarmed)
                {
                    _ = _prewarmed.Dequeue();
                }
            }

            if (open.Call is { } ended)
            {
                Complete(ended, ExchangeOutcome.Complete, status);
            }
        }
    }

    /// <summary>The lane of an event; the only open one if the event names none.</summary>
    private Queue<OpenCall>? LaneOf(string name)
    {
        if (_lanes.TryGetValue(name, out var lane) && lane.Count > 0)
        {
            return lane;
        }

        var open = name.Length == 0 ? _lanes.Values.Where(calls => calls.Count > 0).Take(2).ToList() : [];
        return open.Count == 1 ? open[0] : null;
    }

    /// <summary>What a call continues: for a response that only prepared the server, what that one continued.</summary>
    private ContinuedResponse Resolve(string? id)
    {
        lock (_lock)
        {
            return _prewarmed.LastOrDefault(prewarmed => prewarmed.Id == id).Continues ?? new ContinuedResponse(id);
        }
    }

    private void Open(string name, OpenCall call)
    {
        lock (_lock)
        {
            if (!_lanes.TryGetValue(name, out var lane))
            {
                _lanes[name] = lane = new Queue<OpenCall>();
            }

            lane.Enqueue(call);
        }
    }

    private static void Complete(CallSession call, ExchangeOutcome outcome, int status)
    {
        call.Complete(outcome, status);
        call.Dispose();
    }

    /// <summary>A call whose response is under way.</summary>
    /// <param name="Call">Its session; null if it is no step or could not be read.</param>
    /// <param name="Prewarms">What it continues, if it only prepares the server; else null.</param>
    private sealed record OpenCall(CallSession? Call, ContinuedResponse? Prewarms);
}
