using System.Text;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>Redacts stored texts for one tenant. Counts are kept per <see cref="RescanCounts"/>, so that an attempt that failed counts nothing.</summary>
/// <param name="redactor">The tenant's redactor.</param>
internal sealed class StoredTextCleaner(Redactor redactor)
{
    // A placeholder can complete another pattern; what is left after this many passes is the same after more of them.
    private const int MostPasses = 4;

    private const int MostRemembered = 200_000;

    private readonly HashSet<(ContentHash Hash, bool IsText)> _clean = [];
    private readonly HashSet<(ContentHash Hash, bool IsText)> _counted = [];

    /// <summary>What was found in all committed rows.</summary>
    public RescanCounts Counts { get; } = new();

    /// <summary>A text without secrets; the same object if there are none.</summary>
    public string Text(string text, RescanCounts counts) => Clean(text, redactor.Redact, counts);

    /// <summary>An optional text.</summary>
    public string? OptionalText(string? text, RescanCounts counts) => text is null ? null : Text(text, counts);

    /// <summary>Texts of a list; the same object if there are no secrets in them.</summary>
    public IReadOnlyList<string> Texts(IReadOnlyList<string> texts, RescanCounts counts)
    {
        var cleaned = texts.Select(text => Text(text, counts)).ToList();
        return cleaned.SequenceEqual(texts, StringComparer.Ordinal) ? texts : cleaned;
    }

    /// <summary>A column that holds JSON.</summary>
    public string Json(string json, RescanCounts counts) => Clean(json, redactor.RedactJson, counts);

    /// <summary>A column that holds JSON, or nothing.</summary>
    public string? OptionalJson(string? json, RescanCounts counts) => json is null ? null : Json(json, counts);

    /// <summary>Whether content was found clean before: system prompts and tools are shared by many trajectories.</summary>
    public bool IsKnownClean(ContentHash hash, bool isText) => _clean.Contains((hash, isText));

    /// <summary>Content without secrets, or null if there are none.</summary>
    /// <param name="content">The content.</param>
    /// <param name="isText">Whether it is a text; else it is JSON.</param>
    /// <param name="counts">Counts it, once however many trajectories hold it.</param>
    public Content? Content(Content content, bool isText, RescanCounts counts)
    {
        var key = (content.Hash, isText);
        var before = content.Bytes;
        var after = isText ? CleanText(before) : CleanJson(before);
        if (after is not { } cleaned)
        {
            Remember(_clean, key);
            return null;
        }

        if (Remember(_counted, key))
        {
            counts.Row("content");
            counts.Kinds(Encoding.UTF8.GetString(before.Span), Encoding.UTF8.GetString(cleaned.Span));
        }

        return Trajectories.Content.Of(cleaned);
    }

    private static bool Remember(HashSet<(ContentHash Hash, bool IsText)> known, (ContentHash Hash, bool IsText) key)
    {
        if (known.Count >= MostRemembered)
        {
            known.Clear();
        }

        return known.Add(key);
    }

    private static string Clean(string text, Func<string, string> redact, RescanCounts counts)
    {
        var after = Settle(text, redact);
        if (string.Equals(text, after, StringComparison.Ordinal))
        {
            return text;
        }

        counts.Kinds(text, after);
        return after;
    }

    private static string Settle(string text, Func<string, string> redact)
    {
        for (var pass = 0; pass < MostPasses; pass++)
        {
            var after = redact(text);
            if (string.Equals(text, after, StringComparison.Ordinal))
            {
                break;
            }

            text = after;
        }

        return text;
    }

    private ReadOnlyMemory<byte>? CleanText(ReadOnlyMemory<byte> utf8)
    {
        var text = Encoding.UTF8.GetString(utf8.Span);
        var after = Settle(text, redactor.Redact);
        // Not "? null :": null converts to empty memory.
        return string.Equals(text, after, StringComparison.Ordinal) ? default(ReadOnlyMemory<byte>?) : Encoding.UTF8.GetBytes(after);
    }

    private ReadOnlyMemory<byte>? CleanJson(ReadOnlyMemory<byte> utf8)
    {
        var (after, changed) = (utf8, false);
        for (var pass = 0; pass < MostPasses; pass++)
        {
            var next = redactor.RedactJson(after);
            if (next.Equals(after) || next.Span.SequenceEqual(after.Span))
            {
                break;
            }

            (after, changed) = (next, true);
        }

        return changed ? after : default(ReadOnlyMemory<byte>?);
    }
}

/// <summary>How many rows of which table hold secrets, and how many secrets of which kind these are.</summary>
internal sealed class RescanCounts
{
    /// <summary>Rows by table.</summary>
    public SortedDictionary<string, long> Rows { get; } = new(StringComparer.Ordinal);

    /// <summary>Secrets by kind.</summary>
    public SortedDictionary<string, long> Secrets { get; } = new(StringComparer.Ordinal);

    /// <summary>Content that cannot be read, and so not be redacted.</summary>
    public long Unreadable { get; set; }

    /// <summary>Counts rows of a table.</summary>
    public void Row(string table, long count = 1)
    {
        if (count > 0)
        {
            Rows[table] = Rows.GetValueOrDefault(table) + count;
        }
    }

    /// <summary>Counts the secrets that a text has lost: placeholders that it did not have before.</summary>
    public void Kinds(string before, string after)
    {
        var old = Placeholder.CountKinds(before);
        foreach (var (kind, count) in Placeholder.CountKinds(after))
        {
            var found = count - old.GetValueOrDefault(kind);
            if (found > 0)
            {
                Secrets[kind] = Secrets.GetValueOrDefault(kind) + found;
            }
        }
    }

    /// <summary>Adds other counts.</summary>
    public void Add(RescanCounts other)
    {
        foreach (var (table, count) in other.Rows)
        {
            Row(table, count);
        }

        foreach (var (kind, count) in other.Secrets)
        {
            Secrets[kind] = Secrets.GetValueOrDefault(kind) + count;
        }

        Unreadable += other.Unreadable;
    }
}
