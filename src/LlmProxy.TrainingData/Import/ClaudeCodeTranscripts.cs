using System.Runtime.CompilerServices;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Reads Claude Code transcripts: JSON lines, one file a session in a folder a project. A run is one turn: what a person
/// asked for, up to the reply that ends without a tool call. Branches that were left, and what the program itself
/// said, are no part of it.
/// </summary>
/// <remarks>One instance reads all files of an import, main conversations first: sub-agents and forks refer to them.</remarks>
internal sealed class ClaudeCodeTranscripts(TaskRules rules, ImportReport report) : IAgentHistories
{
    /// <summary>Ending of the client's name of imported runs.</summary>
    public const string ClientMark = " (transcript)";

    private readonly TranscriptReplies _replies = new();

    /// <inheritdoc />
    public IEnumerable<string> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*.jsonl", SearchOption.AllDirectories)
        .OrderBy(f => Path.GetFileName(f).StartsWith("agent-", StringComparison.Ordinal)).ThenBy(f => f, StringComparer.Ordinal);

    /// <inheritdoc />
    public async IAsyncEnumerable<ListedConversation> ListAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? project = null;
        await foreach (var line in ImportLines.ReadAsync(file, new ImportReport(), cancellationToken))
        {
            using var document = line.Bytes is { } bytes ? LenientJson.Parse(bytes) : null;
            project = document is null ? null : ProjectPath.Normalize(document.RootElement.Text("cwd"u8));
            if (project is not null)
            {
                break;
            }
        }

        yield return new ListedConversation(project, ListedConversation.LastWrite(file));
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<ImportedTrajectory> ReadAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var run in await ReadAllAsync(file, cancellationToken))
        {
            yield return run;
        }
    }

    private async Task<IReadOnlyList<ImportedTrajectory>> ReadAllAsync(string path, CancellationToken cancellationToken)
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
