using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>Reads chats of Gemini CLI: one JSON object a session up to version 0.38, JSON lines since.</summary>
/// <remarks>One instance reads all files of an import, main sessions first: sub-agents refer to them.</remarks>
internal sealed class GeminiChats(TaskRules rules, ImportReport report) : IAgentHistories
{
    private const string Chats = "chats";

    private readonly SessionRuns _sessions = new();

    /// <inheritdoc />
    public IEnumerable<string> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*.json*", SearchOption.AllDirectories)
        .Where(f => f.EndsWith(".json", StringComparison.Ordinal) || f.EndsWith(".jsonl", StringComparison.Ordinal))
        .Where(f => Path.GetFileName(f).StartsWith("session-", StringComparison.Ordinal) || ParentSessionOf(f) is not null)
        .OrderBy(f => ParentSessionOf(f) is not null).ThenBy(Path.GetFileName, StringComparer.Ordinal).ThenBy(f => f, StringComparer.Ordinal);

    /// <inheritdoc />
    public async IAsyncEnumerable<ListedConversation> ListAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var project = ProjectOf(file);
        if (project is null)
        {
            var chat = await ReadChatAsync(file, new ImportReport(), cancellationToken);
            project = chat.Project ?? chat.ProjectHash;
        }

        yield return new ListedConversation(project, ListedConversation.LastWrite(file));
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<ImportedTrajectory> ReadAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var chat = await ReadChatAsync(file, report, cancellationToken);
        var parent = ParentSessionOf(file);
        var session = chat.SessionId ?? Path.GetFileNameWithoutExtension(file);
        var runs = new GeminiConversation(rules, report, session, parent, ProjectOf(file) ?? chat.Project, chat.ProjectHash).Read(chat.Messages);
        foreach (var run in runs)
        {
            if (parent is not null)
            {
                run.ParentId = _sessions.ParentOf(parent, session, null, run.Steps[0].StartedAt);
                run.ParentSessionId = parent;
            }

            yield return run;
        }

        _sessions.Add(session, runs);
    }

    private static async Task<GeminiChat> ReadChatAsync(string file, ImportReport report, CancellationToken cancellationToken)
    {
        var chat = new GeminiChat(report);
        if (!file.EndsWith(".jsonl", StringComparison.Ordinal))
        {
            using var document = await ImportFiles.ReadAsync(file, report, cancellationToken);
            if (document is not null && !chat.TakeWhole(document.RootElement))
            {
                report.Skip(file, 1, "is no session of Gemini CLI");
            }

            return chat;
        }

        await foreach (var line in ImportLines.ReadAsync(file, report, cancellationToken))
        {
            if (line.Bytes is { } bytes && !bytes.Span.Trim(" \t\r"u8).IsEmpty)
            {
                using var document = ImportFiles.Parse(bytes, file, line.Number, report);
                if (document is not null)
                {
                    chat.Take(document.RootElement);
                }
            }
        }

        return chat;
    }

    /// <summary>The session whose sub-agent a file is of: <c>chats/SESSION/ID.jsonl</c>.</summary>
    private static string? ParentSessionOf(string file)
    {
        var folder = Path.GetDirectoryName(file);
        return Path.GetFileName(Path.GetDirectoryName(folder)) == Chats ? Path.GetFileName(folder) : null;
    }

    /// <summary>The project whose folder is named by a hash of its path, as older versions do, if a newer version has listed it since.</summary>
    private static string? RegisteredAs(string folder)
    {
        var registry = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(folder)) ?? "", "projects.json");
        if (!File.Exists(registry) || new FileInfo(registry).Length > ImportLines.MaxBytes)
        {
            return null;
        }

        using var document = LenientJson.Parse(File.ReadAllBytes(registry));
        var projects = document?.RootElement.Get("projects"u8) ?? default;
        return projects.ValueKind != JsonValueKind.Object ? null : ProjectPath.Normalize(projects.EnumerateObject().Select(p => p.NameText())
            .FirstOrDefault(path => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path))) == Path.GetFileName(folder)));
    }

    /// <summary>The project that the folder of a chat names: newer versions write its path next to the chats.</summary>
    private static string? ProjectOf(string file)
    {
        for (var folder = Path.GetDirectoryName(file); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Path.GetFileName(folder) == Chats)
            {
                var project = Path.GetDirectoryName(folder)!;
                var root = Path.Combine(project, ".project_root");
                return File.Exists(root) ? ProjectPath.Normalize(File.ReadAllText(root)) : RegisteredAs(project);
            }
        }

        return null;
    }
}
