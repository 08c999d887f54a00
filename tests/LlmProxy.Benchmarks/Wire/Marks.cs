using System.Buffers.Text;
using System.Text;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>Places of fixed width in prepared text that get a call's own values: made once, filled in for each call.</summary>
internal static class Marks
{
    public const string Run = "##########";
    public const string Clock = "^^^^^^^^^^^^^^^^^^^";

    /// <summary>In front of <see cref="Clock"/>; what a client looks for.</summary>
    public const string ClockField = "\"bench_at\":\"";
}

/// <summary>Prepared text and the places of its marks.</summary>
internal sealed class MarkedText
{
    private readonly int[] _runs;
    private readonly int[] _clocks;

    public MarkedText(string text)
    {
        Bytes = Encoding.UTF8.GetBytes(text);
        _runs = Find(Encoding.UTF8.GetBytes(Marks.Run));
        _clocks = Find(Encoding.UTF8.GetBytes(Marks.Clock));
    }

    public byte[] Bytes { get; }

    /// <summary>Copies the text with the number of a run.</summary>
    public void CopyTo(Span<byte> to, long run)
    {
        Bytes.CopyTo(to);
        foreach (var at in _runs)
        {
            Write(to.Slice(at, Marks.Run.Length), run);
        }
    }

    /// <summary>Copies the text with the number of a run and the time.</summary>
    public void CopyTo(Span<byte> to, long run, long clock)
    {
        CopyTo(to, run);
        foreach (var at in _clocks)
        {
            Write(to.Slice(at, Marks.Clock.Length), clock);
        }
    }

    public static void Write(Span<byte> to, long number) =>
        Utf8Formatter.TryFormat(number, to, out _, new System.Buffers.StandardFormat('D', (byte)to.Length));

    private int[] Find(ReadOnlySpan<byte> mark)
    {
        var found = new List<int>();
        for (var at = 0; Bytes.AsSpan(at).IndexOf(mark) is >= 0 and var next; at += mark.Length)
        {
            at += next;
            found.Add(at);
        }

        return [.. found];
    }
}
