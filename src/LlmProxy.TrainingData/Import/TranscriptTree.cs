namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Which records of a conversation are kept. Each record names the one that it follows, but the chain breaks: after
/// compaction, after a resume, where rows were moved. Each connected part is a part of the session. In each part the path
/// to its last message is kept; what branches off it was abandoned when a person went back and asked anew.
/// </summary>
internal sealed class TranscriptTree
{
    private readonly List<TranscriptRecord> _records = [];
    private readonly Dictionary<string, TranscriptRecord> _byId = new(StringComparer.Ordinal);
    private readonly Dictionary<TranscriptRecord, TranscriptRecord> _roots = [];
    private readonly HashSet<TranscriptRecord> _path = [];

    private TranscriptTree(IEnumerable<TranscriptRecord> records, ImportReport report)
    {
        foreach (var record in records)
        {
            if (record.Uuid is null || _byId.TryAdd(record.Uuid, record))
            {
                _records.Add(record);
            }
            else if (record.IsMessage)
            {
                _byId[record.Uuid].ForkedFrom ??= record.ForkedFrom;
                ImportReport.Count(report.LeftOut, ImportReport.Repeated);
            }
        }
    }

    /// <summary>The messages that are kept, in file order; all blocks of a reply are at the place of its first one.</summary>
    public static List<TranscriptRecord> Kept(IEnumerable<TranscriptRecord> records, ImportReport report)
    {
        var tree = new TranscriptTree(records, report);
        tree.FindPaths();
        return Gather(tree.WithoutAbandoned(report));
    }

    private TranscriptRecord? ParentOf(TranscriptRecord record) => record.Parent is { } parent ? _byId.GetValueOrDefault(parent) : null;

    /// <summary>The path of each connected part, from its last message.</summary>
    private void FindPaths()
    {
        var parts = new Dictionary<TranscriptRecord, TranscriptRecord>();
        foreach (var record in Enumerable.Reverse(_records).Where(r => r.IsMessage))
        {
            if (parts.TryAdd(RootOf(record), record))
            {
                for (var at = record; at is not null && _path.Add(at); at = ParentOf(at))
                {
                }
            }
        }
    }

    private TranscriptRecord RootOf(TranscriptRecord record)
    {
        var way = new HashSet<TranscriptRecord>();
        var root = record;
        while (!_roots.TryGetValue(root, out var known))
        {
            way.Add(root);
            if (ParentOf(root) is not { } parent)
            {
                break;
            }

            if (way.Contains(parent))
            {
                // Rows that were moved below what follows them: the first of the ring in the file is its root.
                root = RingOf(parent).MinBy(_records.IndexOf)!;
                break;
            }

            root = parent;
        }

        root = _roots.GetValueOrDefault(root) ?? root;
        foreach (var passed in way)
        {
            _roots[passed] = root;
        }

        return root;
    }

    private List<TranscriptRecord> RingOf(TranscriptRecord start)
    {
        var ring = new List<TranscriptRecord> { start };
        for (var at = ParentOf(start); at is not null && at != start; at = ParentOf(at))
        {
            ring.Add(at);
        }

        return ring;
    }

    /// <summary>The path, and what belongs to it wherever it hangs: blocks of its replies, results of their calls, and what was attached to it.</summary>
    private List<TranscriptRecord> WithoutAbandoned(ImportReport report)
    {
        var replies = _path.Select(r => r.ReplyKey).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var calls = _records.Where(r => _path.Contains(r) || (r.ReplyKey is { } key && replies.Contains(key))).SelectMany(r => r.CallIds).ToHashSet(StringComparer.Ordinal);
        calls.ExceptWith(_path.SelectMany(r => r.ResultIds));
        var kept = new List<TranscriptRecord>();
        foreach (var record in _records.Where(r => r.IsMessage))
        {
            if (record.Uuid is null || _path.Contains(record)
                || (record.ReplyKey is { } reply && replies.Contains(reply))
                || record.ResultIds.Any(calls.Contains)
                || (record.IsAttached && ParentOf(record) is { } parent && _path.Contains(parent)))
            {
                kept.Add(record);
                calls.ExceptWith(record.ResultIds);
            }
            else
            {
                ImportReport.Count(report.LeftOut, ImportReport.Abandoned);
            }
        }

        return kept;
    }

    private static List<TranscriptRecord> Gather(List<TranscriptRecord> records)
    {
        var blocks = records.Where(r => r.ReplyKey is not null).ToLookup(r => r.ReplyKey!, StringComparer.Ordinal);
        var done = new HashSet<string>(StringComparer.Ordinal);
        return [.. records.SelectMany(r => r.ReplyKey is not { } key ? [r] : done.Add(key) ? blocks[key] : [])];
    }
}
