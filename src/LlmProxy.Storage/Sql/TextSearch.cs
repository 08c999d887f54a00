using System.Text;
using System.Text.Json;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// Finds the runs that hold a text, by reading theirs: content is compressed, so no index of the database knows it. What
/// several runs share is read once. A prompt that is pinned for a run is not a text of it but of its examples.
/// </summary>
/// <param name="text">The text; its case does not matter.</param>
internal sealed class TextSearch(string text)
{
    // A tool's arguments are JSON in a string of JSON.
    private const int MaxNesting = 3;
    private const int ContentsAtOnce = 32;

    private readonly Dictionary<long, bool> _known = [];

    /// <summary>Bytes of content that were read so far, uncompressed.</summary>
    public long Bytes { get; private set; }

    /// <summary>The rows of those of some runs that hold the text.</summary>
    public async Task<HashSet<long>> FindAsync(SqlSession session, IReadOnlyList<TrajectoryRow> runs, CancellationToken cancellationToken)
    {
        var found = runs.Where(run => Holds(run.Run)).Select(run => run.Row).ToHashSet();
        var rows = runs.Select(run => run.Row).ToList();
        if (rows.Count == 0)
        {
            return found;
        }

        found.UnionWith((await session.QueryAsync(
            new SqlStatement($"SELECT trajectory_row, text FROM trajectory_embedding WHERE trajectory_row {session.Any("rows")}").With("rows", rows),
            r => (Row: r.GetInt64(0), Text: r.GetString(1)),
            cancellationToken)).Where(t => Holds(t.Text)).Select(t => t.Row));
        found.UnionWith((await session.QueryAsync(
            new SqlStatement($"SELECT trajectory_row, task_description, edited_json FROM few_shot_example WHERE trajectory_row {session.Any("rows")}").With("rows", rows),
            r => (Row: r.GetInt64(0), Task: r.Text(1), Edited: r.Text(2)),
            cancellationToken)).Where(t => Holds(t.Task) || Holds(t.Edited)).Select(t => t.Row));

        var links = (await session.QueryAsync(
            new SqlStatement($"SELECT trajectory_row, content_id FROM trajectory_content WHERE trajectory_row {session.Any("rows")}").With("rows", rows),
            r => (Row: r.GetInt64(0), Content: r.GetInt64(1)),
            cancellationToken)).ToLookup(link => link.Row, link => link.Content);
        foreach (var row in rows.Where(row => !found.Contains(row)))
        {
            foreach (var group in links[row].Where(id => !_known.ContainsKey(id)).Chunk(ContentsAtOnce))
            {
                await ReadAsync(session, group, cancellationToken);
            }

            if (links[row].Any(id => _known.GetValueOrDefault(id)))
            {
                found.Add(row);
            }
        }

        return found;
    }

    private async Task ReadAsync(SqlSession session, IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        var hashes = (await session.QueryAsync(
            new SqlStatement("SELECT id, hash FROM content WHERE id " + session.Any("ids")).With("ids", ids),
            r => (Id: r.GetInt64(0), Hash: StepRows.HashOf(r.GetFieldValue<byte[]>(1))),
            cancellationToken));
        var contents = new Dictionary<ContentHash, ReadOnlyMemory<byte>>();
        await ContentRows.ReadAsync(session, new SqlStatement($"SELECT {ContentRows.Columns} FROM content c WHERE c.id " + session.Any("ids")).With("ids", ids), contents, skipsDamaged: true, cancellationToken);
        foreach (var (id, hash) in hashes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _known[id] = contents.TryGetValue(hash, out var bytes) && Holds(bytes.Span);
        }

        foreach (var id in ids)
        {
            // Removed in between.
            _known.TryAdd(id, false);
        }
    }

    private bool Holds(Trajectory run) =>
        Holds(run.TaskDescription) || Holds(run.Comment) || Holds(run.TaskId) || Holds(run.Model) || Holds(run.Client) || Holds(run.SessionId) || run.ToolsUsed.Any(Holds);

    private bool Holds(string? value) => value is not null && value.Contains(text, StringComparison.OrdinalIgnoreCase);

    private bool Holds(ReadOnlySpan<byte> content)
    {
        Bytes += content.Length;
        return HoldsJson(Encoding.UTF8.GetString(content), MaxNesting);
    }

    /// <summary>Whether a text, or a string in it where it is JSON, holds the text: a quotation mark, a line end or any letter may be written as an escape there.</summary>
    private bool HoldsJson(string content, int nesting)
    {
        if (Holds(content))
        {
            return true;
        }

        if (nesting == 0 || !content.Contains('\\', StringComparison.Ordinal) || content.AsSpan().TrimStart() is not ['{' or '[' or '"', ..])
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(content), new JsonReaderOptions { MaxDepth = 256, AllowTrailingCommas = true });
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped && HoldsJson(reader.GetString()!, nesting - 1))
                {
                    return true;
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // No JSON, or half a surrogate pair in it: it was searched as it is.
        }

        return false;
    }
}
