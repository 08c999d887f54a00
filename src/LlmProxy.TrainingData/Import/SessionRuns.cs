namespace LlmProxy.TrainingData.Import;

/// <summary>The sessions of an import: which runs each has, and which run started which sub-agent.</summary>
internal sealed class SessionRuns
{
    private readonly Dictionary<string, List<(DateTimeOffset At, string Id)>> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<(string Answer, string Id)>> _starts = new(StringComparer.Ordinal);

    /// <summary>Notes the runs of a session.</summary>
    public void Add(string session, IEnumerable<ImportedTrajectory> runs)
    {
        var known = Of(_runs, session);
        known.AddRange(runs.Select(r => (r.Steps[0].StartedAt, r.Id)));
    }

    /// <summary>Notes what a call that starts a sub-agent was answered: it names the sub-agent.</summary>
    public void AddStart(string session, string run, string answer) => Of(_starts, session).Add((answer, run));

    /// <summary>The run that started a sub-agent: the one whose call's answer names it, else the parent's last one before it.</summary>
    public string? ParentOf(string parent, string session, string? name, DateTimeOffset at)
    {
        var start = _starts.GetValueOrDefault(parent)?.Find(s => s.Answer.Contains(session, StringComparison.Ordinal) || (name is { Length: > 0 } && s.Answer.Contains(name, StringComparison.Ordinal)));
        if (start is { Id: { } id })
        {
            return id;
        }

        var before = _runs.GetValueOrDefault(parent)?.Where(r => r.At <= at).ToList();
        return before is { Count: > 0 } ? before.MaxBy(r => r.At).Id : null;
    }

    private static List<T> Of<T>(Dictionary<string, List<T>> lists, string key)
    {
        if (!lists.TryGetValue(key, out var list))
        {
            lists[key] = list = [];
        }

        return list;
    }
}
