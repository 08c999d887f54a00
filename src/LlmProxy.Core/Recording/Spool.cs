using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace LlmProxy.Core.Recording;

/// <summary>
/// The journal between the request path and the store. Every byte of a response is handed to the operating system here
/// before the client gets it, so a killed process loses nothing that a client has. Segments are files of the spool
/// folder; one is deleted when all its exchanges are in the store. One process for a folder (a lock file holds that).
/// </summary>
/// <remarks>Safe for concurrent use. Writing never throws: when the disk refuses or the spool is full, the exchange is marked and counted, and requests are still forwarded.</remarks>
public sealed partial class Spool : IDisposable
{
    private const long SegmentBytes = 64L << 20;

    // The rest is for the answers of calls that are under way.
    private const double NewCallsShare = 0.9;
    private const string Extension = ".spool";

    private readonly string _directory;
    private readonly long _maxBytes;
    private readonly ILogger<Spool> _logger;
    private readonly Lock _writing = new();
    private readonly FileStream _lockFile;
    private readonly ITimer? _sync;
    private readonly HashSet<SpoolSegment> _segments = [];
    private readonly HashSet<SpoolSegment> _unsynced = [];
    private readonly SpoolOutput _output = new();
    private readonly SpoolKeyProtection? _keys;
    private readonly SpoolCipher? _cipher;
    private IReadOnlyList<SpooledExchange> _leftovers;
    private SpoolSegment? _current;
    private long _nextExchange;
    private int _nextSegment;
    private long _bytes;
    private readonly Lock _emptyLock = new();
    private TaskCompletionSource? _whenEmpty;
    private long _pending;
    private long _dropped;
    private bool _full;
    private bool _failing;

    /// <summary>Opens the spool of a folder, which is created (0700) if it is missing.</summary>
    /// <param name="options">Size and sync interval.</param>
    /// <param name="directory">The folder, absolute.</param>
    /// <param name="time">Clock of the sync timer.</param>
    /// <param name="logger">Log.</param>
    /// <param name="keys">Protects the keys of an encrypted spool; segments that were encrypted before are read with it, too.</param>
    /// <exception cref="IOException">The folder or the keys cannot be used, or another process holds the folder.</exception>
    public Spool(SpoolOptions options, string directory, TimeProvider time, ILogger<Spool> logger, SpoolKeyProtection? keys = null)
    {
        _directory = directory;
        _keys = keys;
        _maxBytes = options.MaxBytes;
        _logger = logger;
        try
        {
            PrivateFiles.CreateDirectory(directory);
            var exclusive = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
            if (!OperatingSystem.IsWindows())
            {
                exclusive.UnixCreateMode = PrivateFiles.FileMode;
            }

            _lockFile = new FileStream(Path.Combine(directory, "lock"), exclusive);
        }
        catch (IOException error) when (IsHeldByOther(error))
        {
            throw new IOException($"The spool folder {directory} is held by another process. Give each process its own LlmProxy:Recording:Spool:Directory.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unusable(directory, error);
        }

        try
        {
            _cipher = options.Encrypt ? SpoolCipher.Create(keys ?? throw new IOException("LlmProxy:Recording:Spool:Encrypt needs a SpoolKeyProtection. Register one with the services.")) : null;
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            _leftovers = [];
            Dispose();
            throw keys is null ? error : new IOException(
                $"The keys of the spool in {keys.Place} cannot be used: {error.Message.TrimEnd('.')}. Make the folder readable and writable for this process, set another one in LlmProxy:Recording:Spool:KeyDirectory, or set LlmProxy:Recording:Spool:Encrypt to false.", error);
        }

        // What an earlier process left is read before the first exchange is written: numbers must not come twice, and
        // it counts as pending from the start.
        try
        {
            _leftovers = ReadSegments();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Dispose();
            throw Unusable(directory, error);
        }

        if (options.Fsync > TimeSpan.Zero)
        {
            _sync = time.CreateTimer(_ => SyncToDisk(), null, options.Fsync, options.Fsync);
        }
    }

    /// <summary>Recorded calls from their arrival until they are in the store.</summary>
    public long Pending => Interlocked.Read(ref _pending);

    /// <summary>Completes when no recorded call waits for the store.</summary>
    internal Task WhenEmptyAsync()
    {
        lock (_emptyLock)
        {
            return Pending == 0 ? Task.CompletedTask : (_whenEmpty ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Bytes of records in the spool.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Calls that were not recorded because the spool was full or the disk refused.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    internal SpoolTenants Tenants { get; } = new();

    /// <summary>Whether the last write succeeded.</summary>
    public bool IsWritable => !Volatile.Read(ref _failing);

    /// <summary>
    /// Exchanges that an earlier process left in the spool, in their order. A torn tail (a record that the process did not
    /// finish) was cut off, damage in the middle was skipped; what it held of an exchange makes that one truncated.
    /// They are handed out once.
    /// </summary>
    public IReadOnlyList<SpooledExchange> TakeLeftovers() => Interlocked.Exchange(ref _leftovers, []);

    /// <summary>Starts an exchange: writes its head and its request. Null if the spool accepts no more; the exchange is then counted as dropped.</summary>
    public SpooledExchange? Begin(ExchangeHead head, ReadOnlyMemory<byte> request, string? sentPrompt)
    {
        var exchange = new SpooledExchange(this, head, Interlocked.Increment(ref _nextExchange));
        Interlocked.Increment(ref _pending);
        var headJson = head.ToUtf8();
        var prompt = sentPrompt is null ? null : System.Text.Encoding.UTF8.GetBytes(sentPrompt);
        (SpoolRecordKind, ReadOnlyMemory<byte>)[] records = [(SpoolRecordKind.Head, headJson), (SpoolRecordKind.Request, request), .. prompt is null ? [] : new[] { (SpoolRecordKind.SentPrompt, new ReadOnlyMemory<byte>(prompt)) }];
        if (HasRoom(headJson.Length + request.Length + (prompt?.Length ?? 0), (long)(_maxBytes * NewCallsShare)) && Write(exchange, records))
        {
            return exchange;
        }

        Interlocked.Increment(ref _dropped);
        exchange.CountDrop();
        Release(exchange);
        return null;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _sync?.Dispose();
        SyncToDisk();
        lock (_writing)
        {
            foreach (var segment in _segments.ToList())
            {
                if (segment.Open == 0)
                {
                    Delete(segment);
                }

                segment.Handle.Dispose();
            }

            _lockFile.Dispose();
            _cipher?.Dispose();
            foreach (var cipher in _ciphers.Values)
            {
                cipher?.Dispose();
            }
        }
    }

    /// <summary>Writes records of one exchange, all of them or none, in one call of the operating system: on the request path those are what writing costs.</summary>
    internal bool Write(SpooledExchange exchange, params ReadOnlySpan<(SpoolRecordKind Kind, ReadOnlyMemory<byte> Payload)> records)
    {
        lock (_writing)
        {
            if (exchange.IsReleased)
            {
                return false;
            }

            // The end of a call is always written: it says how the call ended.
            if (records is [.., { Kind: SpoolRecordKind.Answer, Payload: var answer }] && !HasRoom(answer.Length, _maxBytes))
            {
                return false;
            }

            try
            {
                var segment = CurrentSegment();
                var ordinal = exchange.NextOrdinal;
                _output.Clear();
                foreach (var (kind, payload) in records)
                {
                    var frame = new SpoolFrame(kind, exchange.Number, ordinal++, payload.Length);
                    if (_cipher is null)
                    {
                        _output.Add(segment.Mark, frame, payload);
                    }
                    else
                    {
                        _output.Add(segment.Mark, frame, payload, _cipher);
                    }
                }

                _output.WriteTo(segment.Handle, segment.Length);
                var offset = segment.Length;
                var growth = SpoolFrame.HeaderLength + (_cipher is null ? 0 : SpoolCipher.Overhead);
                foreach (var (kind, payload) in records)
                {
                    exchange.Add(new SpoolSlice(segment, offset + SpoolFrame.HeaderLength, payload.Length, kind, _cipher is not null));
                    offset += growth + payload.Length;
                }

                Interlocked.Add(ref _bytes, offset - segment.Length);
                segment.Length = offset;
                _unsynced.Add(segment);
                _failing = false;
                return true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                if (!_failing)
                {
                    LogWriteFailed(_directory, error);
                }

                _failing = true;
                return false;
            }
        }
    }

    internal void Release(SpooledExchange exchange)
    {
        lock (_writing)
        {
            foreach (var segment in exchange.Segments)
            {
                if (--segment.Open > 0)
                {
                    continue;
                }

                // Nothing in it is needed any more: what was recorded does not stay on the disk twice.
                if (!ReferenceEquals(segment, _current) || !TryEmpty(segment))
                {
                    _current = ReferenceEquals(segment, _current) ? null : _current;
                    Delete(segment);
                }
            }
        }

        exchange.CountRelease();

        // Last: if nothing is pending, nothing is on the disk either.
        if (Interlocked.Decrement(ref _pending) > 0)
        {
            return;
        }

        lock (_emptyLock)
        {
            _whenEmpty?.TrySetResult();
            _whenEmpty = null;
        }
    }

    /// <summary>Whether a lock was refused: EAGAIN of Linux and of macOS, ERROR_SHARING_VIOLATION of Windows.</summary>
    private static bool IsHeldByOther(IOException error) => error.HResult is 11 or 35 or unchecked((int)0x80070020);

    private static IOException Unusable(string directory, Exception error) => new(
        $"The spool folder {directory} cannot be used: {error.Message.TrimEnd('.')}. Make it readable and writable for this process, with free space and free inodes, or set another one in LlmProxy:Recording:Spool:Directory.", error);

    internal static void ReadFully(SafeFileHandle handle, Span<byte> buffer, long offset)
    {
        while (buffer.Length > 0)
        {
            var read = RandomAccess.Read(handle, buffer, offset);
            if (read == 0)
            {
                throw new IOException("The spool segment is shorter than its records say.");
            }

            buffer = buffer[read..];
            offset += read;
        }
    }

    /// <summary>New exchanges are turned away before those that are under way lose the rest of their answers.</summary>
    private bool HasRoom(long bytes, long maxBytes)
    {
        var full = Bytes + bytes > maxBytes;
        if (full && !Volatile.Read(ref _full))
        {
            LogFull(_directory, Bytes, _maxBytes);
        }

        Volatile.Write(ref _full, full);
        return !full;
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The segment lives until its exchanges are released.")]
    private SpoolSegment CurrentSegment()
    {
        if (_current is { } current && current.Length < SegmentBytes)
        {
            return current;
        }

        var path = Path.Combine(_directory, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{_nextSegment++:D8}{Extension}"));
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.ReadWrite, Share = FileShare.Read };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = PrivateFiles.FileMode;
        }

        using (File.Open(path, options))
        {
        }

        var mark = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
        var header = SpoolFrame.SegmentHeader(mark, _cipher?.ProtectedKey);
        var segment = new SpoolSegment(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read), mark, header.Length, _cipher);
        try
        {
            RandomAccess.Write(segment.Handle, header, 0);
        }
        catch (IOException)
        {
            // A full disk still takes names: they must not pile up.
            Delete(segment);
            throw;
        }

        segment.Length = header.Length;
        _segments.Add(segment);
        return _current = segment;
    }

    /// <summary>Empties the segment that is written to: between calls that come one by one, that is less work than a new file for each.</summary>
    private bool TryEmpty(SpoolSegment segment)
    {
        try
        {
            RandomAccess.SetLength(segment.Handle, segment.HeaderLength);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogWriteFailed(_directory, error);
            return false;
        }

        Interlocked.Add(ref _bytes, -segment.RecordBytes);
        segment.Length = segment.HeaderLength;
        return true;
    }

    private void Delete(SpoolSegment segment)
    {
        Interlocked.Add(ref _bytes, -segment.RecordBytes);
        _segments.Remove(segment);
        _unsynced.Remove(segment);
        segment.Handle.Dispose();
        try
        {
            File.Delete(segment.Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogDeleteFailed(segment.Path, error);
        }
    }

    private void SyncToDisk()
    {
        List<SpoolSegment> unsynced;
        lock (_writing)
        {
            unsynced = [.. _unsynced];
            _unsynced.Clear();
        }

        foreach (var segment in unsynced)
        {
            try
            {
                RandomAccess.FlushToDisk(segment.Handle);
            }
            catch (ObjectDisposedException)
            {
                // The segment was released in between: everything in it is in the store.
            }
            catch (IOException error)
            {
                LogWriteFailed(_directory, error);
            }
        }
    }

    [LoggerMessage(4102, LogLevel.Error, "Writing to spool {Directory} failed; requests are forwarded unrecorded and counted until it recovers")]
    private partial void LogWriteFailed(string directory, Exception error);

    [LoggerMessage(4103, LogLevel.Warning, "Deleting the released spool segment {Path} failed")]
    private partial void LogDeleteFailed(string path, Exception error);

    [LoggerMessage(4105, LogLevel.Warning, "Spool {Directory} is full ({Bytes} of {MaxBytes} bytes); new requests are forwarded unrecorded and counted (LlmProxy:Recording:Spool:MaxBytes)")]
    private partial void LogFull(string directory, long bytes, long maxBytes);
}
