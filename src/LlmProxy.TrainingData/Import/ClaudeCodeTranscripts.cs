using LlmProxy.Core.Trajectories;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Reads Claude Code transcripts: JSON lines, one file a session in a folder a project. A run is one turn: what a person
/// asked for, up to the reply that ends without a tool call. Branches that were left, and what the program itself
/// said, are no part of it.
/// </summary>
/// <remarks>One instance reads all files of an import, main conversations first: sub-agents and forks refer to them.</remarks>
internal sealed class ClaudeCodeTranscripts(TaskRules rules, ImportReport report)
{
    /// <summary>Ending of the client's name of imported runs.</summary>
    public const string ClientMark = " (transcript)";

    private readonly TranscriptReplies _replies = new();

    /// <summary>Files in the order in which they are to be read.</summary>
    public static IEnumerable<string> InOrder(IEnumerable<string> files) =>
        files.OrderBy(f => Path.GetFileName(f).StartsWith("agent-", StringComparison.Ordinal)).ThenBy(f => f, StringComparer.Ordinal);

    /// <summary>The runs of a file.</summary>
    public async Task<IReadOnlyList<ImportedTrajectory>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var records = new List<TranscriptRecord>();
        await foreach (var line in ImportLines.ReadAsync(path, report, cancellationToken))
        {
            if (line.Bytes is { } bytes && !bytes.Span.Trim(" \t\r"u8).IsEmpty && TranscriptRecord.Read(bytes, report) is { } record)
            {
                records.Add(record);
            }
        }

        // The main conversation, then those of sub-agents.
        var name = Path.GetFileNameWithoutExtension(path);
        var runs = new List<ImportedTrajectory>();
        var main = records.Where(r => !r.IsSidechain).ToList();
        runs.AddRange(new TranscriptConversation(rules, report, _replies, main.Find(r => r.SessionId.Length > 0)?.SessionId ?? name, "").Read(TranscriptTree.Kept(main, report)));
        runs.ForEach(_replies.Add);
        foreach (var agent in Sidechains(records))
        {
            var kept = TranscriptTree.Kept(agent, report);
            var prompt = kept.Find(r => r.Type == "user")?.Text ?? "";
            if (ProgramMessages.IsSideAgent(agent[0].AgentId, prompt, rules))
            {
                kept.ForEach(_ => ImportReport.Count(report.LeftOut, ImportReport.SideCall));
                continue;
            }

            var session = agent[0].SessionId.Length > 0 ? agent[0].SessionId : name;
            foreach (var run in new TranscriptConversation(rules, report, _replies, session, agent[0].AgentId ?? agent[0].Uuid ?? "agent").Read(kept))
            {
                run.ParentId = _replies.ParentOf(run, agent[0].AgentId, prompt);
                runs.Add(run);
            }
        }

        return runs;
    }

    private static IEnumerable<List<TranscriptRecord>> Sidechains(List<TranscriptRecord> records)
    {
        var roots = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var record in records.Where(r => r.IsSidechain && r.Uuid is not null))
        {
            roots[record.Uuid!] = record.Parent is { } parent && roots.TryGetValue(parent, out var root) ? root : record.Uuid!;
        }

        return records.Where(r => r.IsSidechain).GroupBy(r => r.AgentId ?? (r.Uuid is { } id ? roots[id] : ""), StringComparer.Ordinal).Select(g => g.ToList());
    }
}
