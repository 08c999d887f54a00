namespace LlmProxy.TrainingData.Import;

/// <summary>Which session each reply of an import belongs to, so that a copy in a branch, a fork or a sub-agent's file is no step again; and which run started a sub-agent.</summary>
internal sealed class TranscriptReplies
{
    private readonly Dictionary<string, string> _owners = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ofSessions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _agents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<(DateTimeOffset At, string Id)>> _runs = new(StringComparer.Ordinal);

    /// <summary>Whether another session holds the reply already. A record that names the session it was copied from is that session's.</summary>
    public bool IsCopy(TranscriptRecord record, string session, string agent)
    {
        if (record.MessageId is not { } message || (record.ForkedFrom is null && record.RequestId is null && agent.Length == 0))
        {
            return false;
        }

        if (agent.Length > 0 && record.ForkedFrom is null && _ofSessions.Contains(session + "\n" + message))
        {
            return true;
        }

        var owner = (record.ForkedFrom ?? session) + "\n" + agent;
        if (agent.Length == 0)
        {
            _ofSessions.Add((record.ForkedFrom ?? session) + "\n" + message);
        }

        return record.RequestId is not null && (_owners.TryAdd(record.ReplyKey!, owner) ? owner : _owners[record.ReplyKey!]) != owner;
    }

    /// <summary>A run of a session's main conversation, which may start sub-agents.</summary>
    public void Add(ImportedTrajectory run)
    {
        var session = run.SessionId ?? "";
        if (!_runs.TryGetValue(session, out var runs))
        {
            _runs[session] = runs = [];
        }

        runs.Add((run.Steps[0].StartedAt, run.Id));
    }

    /// <summary>A sub-agent, as the result of the call that started it names it, or by the prompt it was given.</summary>
    public void AddAgent(string name, string run) => _agents.TryAdd(name, run);

    /// <summary>The run that started a sub-agent: the one whose call names it or its prompt, else the session's last one before it.</summary>
    public string? ParentOf(ImportedTrajectory run, string? agentId, string prompt)
    {
        if ((agentId is not null && _agents.TryGetValue(AgentKey(run.SessionId, agentId), out var parent)) || _agents.TryGetValue(AgentKey(run.SessionId, prompt), out parent))
        {
            return parent;
        }

        var before = _runs.GetValueOrDefault(run.SessionId ?? "")?.Where(r => r.At <= run.Steps[0].StartedAt).ToList();
        return before is { Count: > 0 } ? before.MaxBy(r => r.At).Id : null;
    }

    /// <summary>How a session's sub-agent is named.</summary>
    public static string AgentKey(string? session, string name) => session + "\n" + name;
}
