namespace LlmProxy.Core.Prompting;

/// <summary>
/// The template set of a folder, kept up to date. If the folder is missing or holds no template, the built-in
/// set is used. A set with a problem is rejected: the last good one stays in use, and <see cref="Status"/> and the log
/// report the problem. Changes are found by file system notifications and, since some file systems have none, by
/// comparing names, sizes and times at most once a second, in the background of a use.
/// </summary>
public sealed class TemplateDirectory : IDisposable
{
    /// <summary>A change is taken up when the files have been still for so long, so that a half-written one is not read.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly string _directory;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly ITimer _settleTimer;
    private readonly FileSystemWatcher? _watcher;
    private State _state = new(TemplateSet.Empty, []);
    private string? _loadedStamp;
    private string? _seenStamp;
    private long _seenAt;
    private long _nextLook;
    private bool _disposed;

    /// <summary>Loads the folder and begins to watch it.</summary>
    /// <param name="directory">The folder; need not exist.</param>
    /// <param name="logger">Logs which set is in use.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    public TemplateDirectory(string directory, ILogger logger, TimeProvider? timeProvider = null)
    {
        _directory = Path.GetFullPath(directory);
        _logger = logger;
        _time = timeProvider ?? TimeProvider.System;
        _settleTimer = _time.CreateTimer(_ => Look(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _nextLook = _time.GetTimestamp() + Ticks(LookEvery);
        Load(TryStamp(), first: true);
        _watcher = Watch();
    }

    /// <summary>The set for new tasks.</summary>
    public TemplateSet Current => StateNow().Set;

    /// <summary>The files of the latest attempt to load, even if an earlier set is still in use.</summary>
    public IReadOnlyList<TemplateStatus> Status => StateNow().Status;

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        _watcher?.Dispose();
        _settleTimer.Dispose();
    }

    /// <summary>Looks for a change; takes it up when the files have been as they are now for a while, else looks again soon.</summary>
    internal void Look()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            var stamp = TryStamp();
            if (string.Equals(stamp, _loadedStamp, StringComparison.Ordinal))
            {
                _seenStamp = stamp;
                return;
            }

            if (!string.Equals(stamp, _seenStamp, StringComparison.Ordinal))
            {
                _seenStamp = stamp;
                _seenAt = _time.GetTimestamp();
            }
            else if (_time.GetElapsedTime(_seenAt) >= Settle)
            {
                Load(stamp, first: false);
                return;
            }

            _settleTimer.Change(Settle, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The state; looks for a change if the last look is a second old, since a folder cannot always be watched.</summary>
    private State StateNow()
    {
        var next = Volatile.Read(ref _nextLook);
        var now = _time.GetTimestamp();
        if (now >= next && Interlocked.CompareExchange(ref _nextLook, now + Ticks(LookEvery), next) == next)
        {
            // Never on the caller's time: a folder on a network can take long to answer.
            ThreadPool.QueueUserWorkItem(static directory => directory.Look(), this, preferLocal: false);
        }

        return Volatile.Read(ref _state);
    }

    private void Load(string? stamp, bool first)
    {
        _loadedStamp = stamp;
        _seenStamp = stamp;
        if (stamp is null && !first)
        {
            // The folder may be being replaced: falling back to the built-in templates now would surprise.
            KeepServing([new TemplateProblem(_directory, 0, 0, "The folder is gone or holds no template.")], []);
            return;
        }

        TemplateSet set;
        try
        {
            set = stamp is null ? TemplateSet.Shipped : TemplateSet.Parse(TemplateFiles.Read(_directory));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Perhaps only locked for the moment: to be tried again at the next look.
            _loadedStamp = null;
            KeepServing([new TemplateProblem(_directory, 0, 0, exception.Message)], []);
            return;
        }

        if (set.Problems.Count > 0)
        {
            KeepServing(set.Problems, set.Files.Keys);
            return;
        }

        var source = stamp is null ? "the program itself" : _directory;
        // Logged last, so that a reader of the log finds the set in use.
        Volatile.Write(ref _state, new State(set, StatusOf(set.Files.Keys, [], stamp is null)));
        PromptingLog.TemplatesInUse(_logger, source, set.Files.Count, set.Hash[..12]);
    }

    private void KeepServing(IReadOnlyList<TemplateProblem> problems, IEnumerable<string> files)
    {
        var status = StatusOf(files, problems, shipped: false);
        if (!status.SequenceEqual(_state.Status))
        {
            Volatile.Write(ref _state, _state with { Status = status });
            PromptingLog.TemplatesBroken(_logger, _directory, problems[0].ToString(), problems.Count);
        }
    }

    private TemplateStatus[] StatusOf(IEnumerable<string> files, IReadOnlyList<TemplateProblem> problems, bool shipped)
    {
        var byFile = problems.ToLookup(problem => problem.File, StringComparer.Ordinal);
        return
        [
            .. files.Concat(problems.Select(problem => problem.File))
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .Select(file => new TemplateStatus(
                    shipped ? "(built in) " + file : Path.Combine(_directory, file),
                    !byFile.Contains(file),
                    byFile.Contains(file) ? string.Join("; ", byFile[file]) : null)),
        ];
    }

    private string? TryStamp()
    {
        try
        {
            return TemplateFiles.Stamp(_directory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private FileSystemWatcher? Watch()
    {
        if (!Directory.Exists(_directory))
        {
            return null;
        }

        try
        {
            var watcher = new FileSystemWatcher(_directory) { IncludeSubdirectories = true };
            watcher.Changed += OnChange;
            watcher.Created += OnChange;
            watcher.Deleted += OnChange;
            watcher.Renamed += OnChange;
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or PlatformNotSupportedException)
        {
            PromptingLog.CannotWatch(_logger, _directory, exception.Message);
            return null;
        }
    }

    private void OnChange(object sender, FileSystemEventArgs change) => Look();

    private long Ticks(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

    private sealed record State(TemplateSet Set, IReadOnlyList<TemplateStatus> Status);
}
