using System.Runtime.CompilerServices;
using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>Reads Codex rollouts: JSON lines, one file a thread; those of versions before 0.40, whose lines have no envelope, too.</summary>
/// <remarks>One instance reads all files of an import, in the order of their times: sub-agents and forks refer to earlier ones.</remarks>
internal sealed class CodexRollouts(TaskRules rules, ImportReport report) : IAgentHistories
{
    private static readonly string[] Folders = ["sessions", "archived_sessions"];

    private readonly SessionRuns _threads = new();

    /// <inheritdoc />
    public IEnumerable<string> FilesOf(string folder)
    {
        // Codex's own folder holds other files as well.
        string[] known = [.. Folders.Select(name => Path.Combine(folder, name)).Where(Directory.Exists)];
        return (known.Length > 0 ? known : [folder])
            .SelectMany(f => Directory.EnumerateFiles(f, "*.jsonl", SearchOption.AllDirectories))
            .OrderBy(Path.GetFileName, StringComparer.Ordinal).ThenBy(f => f, StringComparer.Ordinal);
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<ListedConversation> ListAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? project = null;
        var number = 0;
        await foreach (var line in ImportLines.ReadAsync(file, new ImportReport(), cancellationToken))
        {
            using var document = line.Bytes is { } bytes ? LenientJson.Parse(bytes) : null;
            project ??= document is null ? null : ProjectPath.Normalize(document.RootElement.Get("payload"u8).Text("cwd"u8) ?? MarkedText.Of(ImportedJson.TextOf(document.RootElement.Get("content"u8)), "cwd"));
            // The first line names it; a later one does in the oldest versions.
            if (project is not null || ++number >= 20)
            {
                break;
            }
        }

        yield return new ListedConversation(project, ListedConversation.LastWrite(file));
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<ImportedTrajectory> ReadAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var thread = new CodexThread(rules, report, _threads, Path.GetFileNameWithoutExtension(file));
        await foreach (var line in ImportLines.ReadAsync(file, report, cancellationToken))
        {
            if (line.Bytes is not { } bytes || bytes.Span.Trim(" \t\r"u8).IsEmpty)
            {
                continue;
            }

            using var document = LenientJson.Parse(bytes);
            if (document?.RootElement is { ValueKind: JsonValueKind.Object } root)
            {
                thread.Take(root);
            }
            else
            {
                report.Skip(file, line.Number, "is no JSON object");
            }
        }

        foreach (var run in thread.End())
        {
            yield return run;
        }
    }
}
