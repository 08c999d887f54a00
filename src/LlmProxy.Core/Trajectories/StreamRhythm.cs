using System.Globalization;
using System.Text;

namespace LlmProxy.Core.Trajectories;

/// <summary>Bytes of a stream that came together.</summary>
/// <param name="PauseMs">Milliseconds without a byte before them; for the first piece since the response's head.</param>
/// <param name="SpanMs">Milliseconds over which they came, evenly as far as it is known; 0 for one burst.</param>
/// <param name="Bytes">How many, as they went over the wire.</param>
public readonly record struct RhythmPiece(long PauseMs, long SpanMs, long Bytes)
{
    /// <summary>Both, as one piece: the pause between them becomes a part of its span.</summary>
    internal RhythmPiece With(RhythmPiece next) => new(PauseMs, SpanMs + next.PauseMs + next.SpanMs, Bytes + next.Bytes);
}

/// <summary>
/// When the parts of a streamed response came. As text <c>310:412,40:80,35-380:950</c>: after 310 ms 412 bytes, 40 ms later
/// 80 more, 35 ms later 950 that came over 380 ms. The empty text is a stream whose pauses are unknown, <c>whole</c> an
/// response that was no stream.
/// </summary>
public sealed class StreamRhythm : IEquatable<StreamRhythm>
{
    private const string WholeWord = "whole";

    private readonly long _bytes;

    private StreamRhythm(IReadOnlyList<RhythmPiece> pieces)
    {
        Pieces = pieces;
        _bytes = pieces.Sum(piece => piece.Bytes);
        DurationMs = pieces.Sum(piece => piece.PauseMs + piece.SpanMs);
    }

    /// <summary>A stream whose pauses are unknown.</summary>
    public static StreamRhythm Unknown { get; } = new([]);

    /// <summary>A response that was no stream.</summary>
    public static StreamRhythm Whole { get; } = new([]);

    /// <summary>Whether the response was no stream.</summary>
    public bool IsWhole => ReferenceEquals(this, Whole);

    /// <summary>The pieces in order.</summary>
    public IReadOnlyList<RhythmPiece> Pieces { get; }

    /// <summary>From the response's head to its last byte, in milliseconds.</summary>
    public long DurationMs { get; }

    /// <summary>Reads <see cref="ToString"/> back; what is no rhythm is <see cref="Unknown"/>.</summary>
    public static StreamRhythm Parse(string? text)
    {
        if (text == WholeWord)
        {
            return Whole;
        }

        var pieces = new List<RhythmPiece>();
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (time, bytes) = Cut(part, ':');
            var (pause, span) = Cut(time, '-');
            if (!IsCount(pause, out var pauseMs) || !IsCount(bytes, out var count) || count == 0 || (!IsCount(span, out var spanMs) && span.Length > 0))
            {
                return Unknown;
            }

            pieces.Add(new RhythmPiece(pauseMs, spanMs, count));
        }

        return pieces.Count == 0 ? Unknown : new StreamRhythm(pieces);
    }

    /// <summary>When a part of the stream came, by the share of its bytes that had come with it.</summary>
    /// <param name="share">0 to 1: bytes to the end of the part, by all bytes.</param>
    /// <returns>Time since the response's head.</returns>
    public TimeSpan TimeAt(double share)
    {
        var wanted = share * _bytes;
        var time = 0.0;
        foreach (var piece in Pieces)
        {
            time += piece.PauseMs;
            if (wanted <= piece.Bytes)
            {
                return TimeSpan.FromMilliseconds(time + (piece.SpanMs * Math.Max(0, wanted) / piece.Bytes));
            }

            wanted -= piece.Bytes;
            time += piece.SpanMs;
        }

        return TimeSpan.FromMilliseconds(time);
    }

    /// <inheritdoc />
    public bool Equals(StreamRhythm? other) => other is not null && IsWhole == other.IsWhole && Pieces.SequenceEqual(other.Pieces);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as StreamRhythm);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(IsWhole, Pieces.Count, DurationMs, _bytes);

    /// <summary>The rhythm as text.</summary>
    public override string ToString()
    {
        if (IsWhole)
        {
            return WholeWord;
        }

        var text = new StringBuilder();
        foreach (var piece in Pieces)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{piece.PauseMs}");
            if (piece.SpanMs > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"-{piece.SpanMs}");
            }

            text.Append(CultureInfo.InvariantCulture, $":{piece.Bytes}");
        }

        return text.ToString();
    }

    internal static StreamRhythm Of(IReadOnlyList<RhythmPiece> pieces) => pieces.Count == 0 ? Unknown : new StreamRhythm(pieces);

    private static (string Before, string Behind) Cut(string text, char mark) =>
        text.IndexOf(mark, StringComparison.Ordinal) is >= 0 and var at ? (text[..at], text[(at + 1)..]) : (text, "");

    private static bool IsCount(string text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}

/// <summary>
/// Notes the rhythm of one stream as it comes, in bounded space: beyond <see cref="MaxPieces"/> the two pieces with the
/// shortest pause between them become one, so that long pauses stay as they were. Not safe for concurrent use.
/// </summary>
public sealed class RhythmMeter
{
    /// <summary>Pieces that are kept: about 200 bytes for each streamed response in the store.</summary>
    public const int MaxPieces = 32;

    private readonly List<RhythmPiece> _pieces = new(MaxPieces + 1);
    private long _lastMs;

    /// <summary>The rhythm so far.</summary>
    public StreamRhythm Rhythm => StreamRhythm.Of([.. _pieces]);

    /// <summary>Takes bytes that came.</summary>
    /// <param name="sinceHead">Time since the response's head.</param>
    /// <param name="bytes">How many; nothing happens for none.</param>
    public void Add(TimeSpan sinceHead, int bytes)
    {
        if (bytes <= 0)
        {
            return;
        }

        var now = Math.Max(_lastMs, (long)sinceHead.TotalMilliseconds);
        var piece = new RhythmPiece(now - _lastMs, 0, bytes);
        _lastMs = now;
        if (piece.PauseMs == 0 && _pieces.Count > 0)
        {
            _pieces[^1] = _pieces[^1] with { Bytes = _pieces[^1].Bytes + bytes };
            return;
        }

        _pieces.Add(piece);
        if (_pieces.Count > MaxPieces)
        {
            MergeClosest();
        }
    }

    private void MergeClosest()
    {
        var closest = 1;
        for (var i = 2; i < _pieces.Count; i++)
        {
            closest = _pieces[i].PauseMs < _pieces[closest].PauseMs ? i : closest;
        }

        _pieces[closest - 1] = _pieces[closest - 1].With(_pieces[closest]);
        _pieces.RemoveAt(closest);
    }
}
