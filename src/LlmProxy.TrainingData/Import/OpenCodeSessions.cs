using System.Runtime.CompilerServices;
using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Reads sessions of opencode: its database (since version 1.2), its JSON files before, and what <c>opencode export</c> writes.
/// </summary>
/// <remarks>One instance reads all files of an import: sub-agents refer to the sessions that started them, and the database may hold what older files hold too.</remarks>
internal sealed class OpenCodeSessions(TaskRules rules, ImportReport report, ReadTable? tables) : IAgentHistories
{
    private readonly SessionRuns _sessions = new();

    /// <inheritdoc />
    public IEnumerable<string> FilesOf(string folder)
    {
        // opencode's own folder holds keys, snapshots and logs as well: of it only sessions are opened.
        var storage = new[] { Path.Combine(folder, "storage", "session"), Path.Combine(folder, "session") }.FirstOrDefault(Directory.Exists);
        var databases = Find(folder, "*.db", SearchOption.TopDirectoryOnly).ToList();
        return storage is not null ? databases.Concat(Find(storage, "*.json", SearchOption.AllDirectories))
            : databases.Count > 0 ? databases.Concat(Exports(SearchOption.TopDirectoryOnly))
            : Find(folder, "*.db", SearchOption.AllDirectories).Concat(Exports(SearchOption.AllDirectories));

        IEnumerable<string> Exports(SearchOption depth) => Find(folder, "*.json", depth).Where(f => !f.EndsWith("auth.json", StringComparison.OrdinalIgnoreCase));

        static IEnumerable<string> Find(string folder, string name, SearchOption depth) => Directory.EnumerateFiles(folder, name, depth).Order(StringComparer.Ordinal);
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<ListedConversation> ListAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var quiet = new ImportReport();
        if (OpenCodeDatabase.IsDatabase(file))
        {
            foreach (var session in await new OpenCodeDatabase(file, tables, quiet).ListAsync(cancellationToken))
            {
                yield return new ListedConversation(session.Project, session.At);
            }

            yield break;
        }

        using var document = await ImportFiles.ReadAsync(file, quiet, cancellationToken);
        if (document is not null && (OpenCodeSession.Of(document.RootElement.Get("info"u8)) ?? OpenCodeSession.Of(document.RootElement)) is { } info)
        {
            yield return new ListedConversation(info.Project, info.At);
        }
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<ImportedTrajectory> ReadAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var session in ReadSessionsAsync(file, cancellationToken))
        {
            var conversation = new OpenCodeConversation(rules, report, _sessions, session);
            var runs = conversation.Read();
            foreach (var run in runs)
            {
                if (session.ParentId is { } parent)
                {
                    run.ParentId = _sessions.ParentOf(parent, session.Id, null, run.Steps[0].StartedAt);
                    run.ParentSessionId = parent;
                }

                yield return run;
            }

            _sessions.Add(session.Id, runs);
        }
    }

    private async IAsyncEnumerable<OpenCodeSession> ReadSessionsAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (OpenCodeDatabase.IsDatabase(file))
        {
            var database = new OpenCodeDatabase(file, tables, report);
            // Sub-agents after the sessions that started them.
            foreach (var session in (await database.ListAsync(cancellationToken)).OrderBy(s => s.ParentId is not null))
            {
                yield return session with { Messages = await database.ReadMessagesAsync(session.Id, cancellationToken) };
            }

            yield break;
        }

        using var document = await ImportFiles.ReadAsync(file, report, cancellationToken);
        if (document is null)
        {
            yield break;
        }

        if (OpenCodeSession.OfExport(document.RootElement) is { } exported)
        {
            yield return exported;
        }
        else if (OpenCodeSession.Of(document.RootElement) is { } stored && StorageOf(file) is { } storage)
        {
            yield return stored with { Messages = await ReadStorageAsync(storage, stored.Id, cancellationToken) };
        }
        else
        {
            report.Skip(file, 1, "is no session of opencode");
        }
    }

    /// <summary>The folder with the messages of a session in <c>session/PROJECT/ID.json</c>.</summary>
    private static string? StorageOf(string file) =>
        Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(file))) is { } storage && Directory.Exists(Path.Combine(storage, "message")) ? storage : null;

    private async Task<IReadOnlyList<OpenCodeMessage>> ReadStorageAsync(string storage, string session, CancellationToken cancellationToken)
    {
        var messages = new List<OpenCodeMessage>();
        foreach (var file in JsonIn(storage, "message", session))
        {
            using var message = await ImportFiles.ReadAsync(file, report, cancellationToken);
            if (message is null)
            {
                continue;
            }

            var id = message.RootElement.Text("id"u8) ?? Path.GetFileNameWithoutExtension(file);
            var parts = new List<JsonElement>();
            foreach (var name in JsonIn(storage, "part", id))
            {
                using var part = await ImportFiles.ReadAsync(name, report, cancellationToken);
                if (part is not null)
                {
                    parts.Add(part.RootElement.Clone());
                }
            }

            messages.Add(new OpenCodeMessage(id, message.RootElement.Clone(), parts));
        }

        return [.. messages.OrderBy(m => ImportedJson.Time(m.Info.Get("time"u8).Get("created"u8)) ?? default).ThenBy(m => m.Id, StringComparer.Ordinal)];
    }

    /// <summary>The files of a folder. An id comes from a file: one that is no name of a folder has none.</summary>
    private static IEnumerable<string> JsonIn(string storage, string kind, string id)
    {
        var folder = Path.Combine(storage, kind, id);
        return id.Length > 0 && Path.GetFileName(id) == id && id is not ("." or "..") && Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal)
            : [];
    }
}
