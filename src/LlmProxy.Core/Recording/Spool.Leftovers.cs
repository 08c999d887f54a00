namespace LlmProxy.Core.Recording;

/// <summary>What an earlier process left: read once, at the start.</summary>
public sealed partial class Spool
{
    private readonly Dictionary<string, SpoolCipher?> _ciphers = new(StringComparer.Ordinal);
    private (int Segments, int Exchanges) _locked;

    private List<SpooledExchange> ReadSegments()
    {
        var found = new Dictionary<long, SpooledExchange>();
        var headless = new HashSet<long>();
        var unbegun = new HashSet<long>();
        var order = new List<SpooledExchange>();
        foreach (var path in System.IO.Directory.EnumerateFiles(_directory, "*" + Extension).Order(StringComparer.Ordinal))
        {
            if (int.TryParse(Path.GetFileNameWithoutExtension(path), System.Globalization.CultureInfo.InvariantCulture, out var name))
            {
                _nextSegment = Math.Max(_nextSegment, name + 1);
            }

            if (ReadSegment(path, found, headless, order) is { Kind: SpoolRecordKind.Head } last)
            {
                unbegun.Add(last.Exchange);
            }
        }

        if (_locked.Segments > 0)
        {
            LogLocked(_locked.Segments, _directory, _keys?.Place ?? "the application", _locked.Exchanges);
            Interlocked.Add(ref _dropped, _locked.Exchanges);
        }

        // A head without its request is no call. A kill cuts a write off at any page: where nothing follows the head,
        // the call was not forwarded and its client has no response, so nothing is lost. Elsewhere the request is damaged.
        foreach (var exchange in order.Where(e => !e.HasRequest))
        {
            exchange.Release();
            if (!unbegun.Contains(exchange.Number))
            {
                Interlocked.Increment(ref _dropped);
            }
        }

        Interlocked.Add(ref _dropped, headless.Count);
        foreach (var empty in _segments.Where(s => s.Open == 0).ToList())
        {
            Delete(empty);
        }

        order.RemoveAll(e => e.IsReleased);
        return order;
    }

    /// <summary>Reads a segment's records; returns the last one, or null if there is none.</summary>
    private SpoolFrame? ReadSegment(string path, Dictionary<long, SpooledExchange> exchanges, HashSet<long> headless, List<SpooledExchange> order)
    {
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var bytes = new byte[RandomAccess.GetLength(handle)];
        ReadFully(handle, bytes, 0);
        var found = SpoolFrame.FindMark(bytes, out var mark);
        var headerLength = SpoolFrame.HeaderOf(bytes);
        var segment = new SpoolSegment(path, handle, mark, headerLength, CipherOf(SpoolFrame.KeyOf(bytes))) { Length = bytes.Length };
        _segments.Add(segment);
        Interlocked.Add(ref _bytes, segment.RecordBytes);
        switch (found)
        {
            case SegmentMark.Lost when bytes.Length > headerLength:
                var lost = Math.Max(1, bytes.AsSpan().Count(ExchangeHead.FirstName));
                LogLost(path, lost);
                Interlocked.Add(ref _dropped, lost);
                return null;
            case SegmentMark.Lost:
                return null;
            case SegmentMark.Recovered:
                LogHeaderDamaged(path);
                break;
        }

        SpoolFrame? last = null;
        var offset = headerLength;
        while (offset < bytes.Length)
        {
            if (!SpoolFrame.TryRead(bytes.AsSpan(offset), mark, out var frame))
            {
                var next = SpoolFrame.FindNext(bytes, offset, mark);
                if (next < 0)
                {
                    break;
                }

                LogDamage(path, next - offset, offset);
                offset = next;
                continue;
            }

            if (frame.IsEncrypted && segment.Cipher is null)
            {
                Keep(segment, bytes, offset);
                return null;
            }

            var payload = offset + SpoolFrame.HeaderLength;
            var length = frame.PayloadLength - (frame.IsEncrypted ? SpoolCipher.Overhead : 0);
            Take(frame, new SpoolSlice(segment, payload, length, frame.Kind, frame.IsEncrypted), exchanges, headless, order);
            offset = payload + frame.PayloadLength;
            last = frame;
        }

        if (offset < bytes.Length)
        {
            LogTornTail(path, bytes.Length - offset);
            RandomAccess.SetLength(handle, offset);
            Interlocked.Add(ref _bytes, offset - segment.Length);
            segment.Length = offset;
        }

        return last;
    }

    private SpoolCipher? CipherOf(ReadOnlySpan<byte> protectedKey)
    {
        if (protectedKey.IsEmpty)
        {
            return null;
        }

        // The segments of one process have the same.
        var key = Convert.ToHexString(protectedKey);
        if (!_ciphers.TryGetValue(key, out var cipher))
        {
            cipher = SpoolCipher.TryOpen(_keys, protectedKey.ToArray());
            _ciphers.Add(key, cipher);
        }

        return cipher;
    }

    /// <summary>Leaves a segment on the disk whose key is missing: it is read when the key is back. Its exchanges are counted by their heads.</summary>
    private void Keep(SpoolSegment segment, byte[] bytes, int offset)
    {
        var exchanges = new HashSet<long>();
        for (; offset >= 0; offset = SpoolFrame.FindNext(bytes, offset, segment.Mark))
        {
            if (!SpoolFrame.TryRead(bytes.AsSpan(offset), segment.Mark, out var frame))
            {
                continue;
            }

            // Its numbers are not given out again: it may be read together with later ones.
            _nextExchange = Math.Max(_nextExchange, frame.Exchange);
            exchanges.Add(frame.Exchange);
            offset += SpoolFrame.HeaderLength + frame.PayloadLength;
        }

        _locked = (_locked.Segments + 1, _locked.Exchanges + exchanges.Count);
        Interlocked.Add(ref _bytes, -segment.RecordBytes);
        _segments.Remove(segment);
        segment.Handle.Dispose();
    }

    private void Take(SpoolFrame frame, SpoolSlice slice, Dictionary<long, SpooledExchange> found, HashSet<long> headless, List<SpooledExchange> order)
    {
        _nextExchange = Math.Max(_nextExchange, frame.Exchange);
        if (frame.Kind == SpoolRecordKind.Head && ReadHead(slice) is { } head)
        {
            var exchange = new SpooledExchange(this, head, frame.Exchange);
            found[frame.Exchange] = exchange;
            order.Add(exchange);
            Interlocked.Increment(ref _pending);
        }

        if (found.TryGetValue(frame.Exchange, out var owner))
        {
            owner.AddFound(slice, frame.Ordinal);
        }
        else
        {
            headless.Add(frame.Exchange);
        }
    }

    private ExchangeHead? ReadHead(SpoolSlice slice)
    {
        try
        {
            var json = new byte[slice.Length];
            SpoolSlice.ReadAll([slice], json);
            return ExchangeHead.FromUtf8(json);
        }
        catch (Exception error) when (error is System.Text.Json.JsonException || (error is IOException && slice.IsEncrypted))
        {
            LogUnreadableHead(error);
            return null;
        }
    }

    [LoggerMessage(4101, LogLevel.Warning, "Truncated a torn tail of {Bytes} bytes of {Path} left by an interrupted process")]
    private partial void LogTornTail(string path, long bytes);

    [LoggerMessage(4104, LogLevel.Warning, "Skipped an unreadable exchange in the spool")]
    private partial void LogUnreadableHead(Exception error);

    [LoggerMessage(4106, LogLevel.Error, "Skipped {Bytes} corrupt bytes of {Path} at offset {Offset}")]
    private partial void LogDamage(string path, long bytes, long offset);

    [LoggerMessage(4107, LogLevel.Error, "The header of spool segment {Path} is corrupt; its exchanges were recovered")]
    private partial void LogHeaderDamaged(string path);

    [LoggerMessage(4108, LogLevel.Error, "The header of spool segment {Path} is corrupt, and no exchange in it can be recovered; {Count} are counted as dropped")]
    private partial void LogLost(string path, int count);

    [LoggerMessage(4109, LogLevel.Error, "{Segments} segments of spool {Directory} are encrypted with keys that are not in {Keys}: they are kept, and their {Exchanges} exchanges are not recorded and counted as dropped. Restore the keys (LlmProxy:Recording:Spool:KeyDirectory) and restart; if the keys are lost, delete the files")]
    private partial void LogLocked(int segments, string directory, string keys, int exchanges);
}
