namespace LlmProxy.Core.Trajectories;

/// <summary>
/// What a call's history offers for finding its task, made once a call. Keys that are needed only where the chain
/// finds nothing are made when they are asked for: nearly every call is found by its chain.
/// </summary>
internal sealed class CorrelationKeys
{
    private const int MaxSummaryLines = 200;

    private readonly RequestReading _reading;
    private readonly TurnKeys _keys;
    private List<TurnKey>? _toolCalls;
    private List<TurnKey>? _summaries;
    private List<TurnKey>? _summaryLines;

    public CorrelationKeys(RequestReading reading, TurnKeys keys)
    {
        _reading = reading;
        _keys = keys;
        var messages = reading.Messages;
        Whole = messages.Count == 0 ? TurnKey.Empty : messages[^1].Chain;
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].IsAssistant)
            {
                AssistantChains.Add(messages[i].Chain);
                LastTurn = messages[i].Key;
                if (i > 0)
                {
                    RequestChains.Add(messages[i - 1].Chain);
                }
            }
        }

        if (reading.PreviousResponseId is { } previous)
        {
            ServerKeys.Add((keys.Identifier("response", previous), CorrelationKind.Response));
        }

        if (reading.ServerConversationId is { } conversation)
        {
            ServerKeys.Add((keys.Identifier("conversation", conversation), CorrelationKind.ServerConversation));
        }
    }

    /// <summary>Key of the whole history.</summary>
    public TurnKey Whole { get; }

    /// <summary>Chain keys that end in an assistant turn, from the shortest.</summary>
    public List<TurnKey> AssistantChains { get; } = [];

    /// <summary>Chain keys that end just before an assistant turn: what an earlier call's own history was.</summary>
    public List<TurnKey> RequestChains { get; } = [];

    /// <summary>Key of the last assistant turn alone.</summary>
    public TurnKey LastTurn { get; private set; }

    /// <summary>Keys of tool-call ids in order of appearance.</summary>
    public IReadOnlyList<TurnKey> ToolCalls => _toolCalls ??= [.. _reading.ToolCallIds.Select(id => _keys.Identifier("tool-call", id))];

    /// <summary>Whether there are tool-call ids in it.</summary>
    public bool HasToolCalls => _reading.ToolCallIds.Count > 0;

    /// <summary>Whether the history holds one of some tool-call ids. They are looked for from its end, where those of the last response are.</summary>
    public bool HoldsAny(IReadOnlyCollection<TurnKey> ids)
    {
        for (var i = _reading.ToolCallIds.Count - 1; i >= 0; i--)
        {
            if (ids.Contains(_toolCalls?[i] ?? _keys.Identifier("tool-call", _reading.ToolCallIds[i])))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Keys of what the server keeps.</summary>
    public List<(TurnKey Key, CorrelationKind Kind)> ServerKeys { get; } = [];

    /// <summary>Keys of texts that may be a summary that a response gave.</summary>
    public IReadOnlyList<TurnKey> Summaries => _summaries ??= _reading.ReadFirstUserText() is { Length: > 0 } first ? [_keys.AssistantTurn(first, [])] : [];

    /// <summary>Keys of the lines of texts that may hold a summary: the first and last user message, and the first reply.</summary>
    public IReadOnlyList<TurnKey> SummaryLines => _summaryLines ??=
    [
        .. new[] { _reading.ReadFirstUserText(), _reading.ReadLastUserText(), FirstReply() }
            .Distinct(StringComparer.Ordinal)
            .SelectMany(text => Trajectories.SummaryLines.Of(text))
            .Distinct(StringComparer.Ordinal)
            .Take(MaxSummaryLines)
            .Select(line => Trajectories.SummaryLines.KeyOf(_keys, line)),
    ];

    /// <summary>The keys worth asking the store for, the telling ones first.</summary>
    public IReadOnlyCollection<TurnKey> StoredKeys(int limit)
    {
        var keys = new List<TurnKey>(ServerKeys.Select(k => k.Key));
        keys.AddRange(AssistantChains.AsEnumerable().Reverse().Take(limit / 2));
        keys.AddRange(ToolCalls.Reverse().Take(limit / 2));
        if (AssistantChains.Count > 0)
        {
            keys.Add(LastTurn);
        }

        if (Whole != TurnKey.Empty)
        {
            keys.Add(Whole);
        }

        keys.AddRange(Summaries);
        return [.. keys.Distinct()];
    }

    private string FirstReply()
    {
        for (var i = 0; i < _reading.Messages.Count; i++)
        {
            if (_reading.Messages[i].IsAssistant)
            {
                return _reading.ReadMessage(i).Text;
            }
        }

        return "";
    }
}
