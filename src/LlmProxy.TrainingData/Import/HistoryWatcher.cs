using System.Threading.Channels;

namespace LlmProxy.TrainingData.Import;

/// <summary>Notices that agents write to their histories, and which files have changed since they were read.</summary>
internal sealed class HistoryWatcher : IDisposable
{
    /// <summary>How long nothing must be written before the files are read.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    private const int MostWaits = 10;

    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<string, (long Length, DateTime At)> _stamps = new(StringComparer.Ordinal);
    private readonly List<FileSystemWatcher> _watchers = [];
    private readonly TimeProvider _time;

    /// <summary>Begins to watch.</summary>
    /// <param name="paths">Files, or folders with all below them.</param>
    /// <param name="time">The clock.</param>
    public HistoryWatcher(IEnumerable<string> paths, TimeProvider time)
    {
        _time = time;
        foreach (var path in paths.Select(Path.GetFullPath))
        {
            var isFolder = Directory.Exists(path);
            var watcher = new FileSystemWatcher(isFolder ? path : Path.GetDirectoryName(path)!) { IncludeSubdirectories = isFolder };
            watcher.Changed += (_, _) => Note();
            watcher.Created += (_, _) => Note();
            watcher.Renamed += (_, _) => Note();
            // More has changed than could be said.
            watcher.Error += (_, _) => Note();
            watcher.EnableRaisingEvents = true;
            _watchers.Add(watcher);
        }
    }

    /// <summary>Waits until something was written, and a moment longer.</summary>
    public async Task NextAsync(CancellationToken cancellationToken)
    {
        await _changes.Reader.ReadAsync(cancellationToken);
        for (var waits = 0; waits < MostWaits; waits++)
        {
            await Task.Delay(Quiet, _time, cancellationToken);
            if (!_changes.Reader.TryRead(out _))
            {
                return;
            }
        }
    }

    /// <summary>Whether a file is not as it was when this was asked before.</summary>
    public bool IsChanged(string file)
    {
        var stamp = StampOf(file);
        var isKnown = _stamps.TryGetValue(file, out var before) && before == stamp;
        _stamps[file] = stamp;
        return !isKnown;
    }

    /// <inheritdoc />
    public void Dispose() => _watchers.ForEach(w => w.Dispose());

    private void Note() => _changes.Writer.TryWrite(true);

    /// <summary>Length and time; of a database with what is not in it yet.</summary>
    private static (long Length, DateTime At) StampOf(string file)
    {
        var (info, log) = (new FileInfo(file), new FileInfo(file + "-wal"));
        return log.Exists ? (info.Length + log.Length, info.LastWriteTimeUtc > log.LastWriteTimeUtc ? info.LastWriteTimeUtc : log.LastWriteTimeUtc) : (info.Length, info.LastWriteTimeUtc);
    }
}
