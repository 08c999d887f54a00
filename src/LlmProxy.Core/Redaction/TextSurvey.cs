using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmProxy.Core.Redaction;

/// <summary>What a text may hold, found in one pass over many characters at a time. Wrong only on the safe side.</summary>
/// <param name="MayHaveEscapes">A percent escape, a <c>\u</c>, a numeric entity of HTML, a terminal's code.</param>
/// <param name="MayHaveOdd">Characters beyond ASCII, or control characters.</param>
/// <param name="MayHaveNumbers">Four digits in a row.</param>
internal readonly record struct TextSurvey(bool MayHaveEscapes, bool MayHaveOdd, bool MayHaveNumbers)
{
    private const int Overlap = 3;

    /// <summary>Surveys a text.</summary>
    public static TextSurvey Of(ReadOnlySpan<char> text)
    {
        var size = Vector256<byte>.Count;
        if (!Vector256.IsHardwareAccelerated || text.Length < size)
        {
            return OfShort(text);
        }

        var units = MemoryMarshal.Cast<char, ushort>(text);
        var (escapes, numbers, odd) = (0u, 0u, Vector256<ushort>.Zero);
        for (var at = 0; ; at += size - Overlap)
        {
            // The last window ends with the text.
            var isLast = at + size >= units.Length;
            at = isLast ? units.Length - size : at;
            var low = Vector256.Create(units[at..]);
            var high = Vector256.Create(units[(at + (size / 2))..]);
            var bytes = Vector256.Narrow(low, high);
            odd |= low | high;
            var digits = Vector256.LessThan(bytes - Vector256.Create((byte)'0'), Vector256.Create((byte)10)).ExtractMostSignificantBits();
            numbers |= digits & (digits >> 1) & (digits >> 2) & (digits >> 3);
            var special = Vector256.LessThan(bytes, Vector256.Create((byte)'\t')) | Vector256.Equals(bytes, Vector256.Create((byte)0x1B))
                | Vector256.Equals(bytes, Vector256.Create((byte)'%')) | Vector256.Equals(bytes, Vector256.Create((byte)'\\')) | Vector256.Equals(bytes, Vector256.Create((byte)'&'));
            if (special != Vector256<byte>.Zero)
            {
                escapes |= Escapes(bytes, digits);
            }

            if (isLast)
            {
                return new TextSurvey(escapes != 0, escapes != 0 || Vector256.GreaterThanAny(odd, Vector256.Create((ushort)'~')), numbers != 0);
            }
        }
    }

    /// <summary>Where escapes, terminal codes and control characters may begin.</summary>
    private static uint Escapes(Vector256<byte> bytes, uint digits)
    {
        var controls = Vector256.LessThan(bytes, Vector256.Create((byte)'\t')) | Vector256.Equals(bytes, Vector256.Create((byte)0x1B));
        var percent = Vector256.Equals(bytes, Vector256.Create((byte)'%')).ExtractMostSignificantBits() & (digits >> 1);
        var backslash = Vector256.Equals(bytes, Vector256.Create((byte)'\\')).ExtractMostSignificantBits()
            & ((Vector256.Equals(bytes, Vector256.Create((byte)'u')) | Vector256.Equals(bytes, Vector256.Create((byte)'x'))).ExtractMostSignificantBits() >> 1);
        var entity = Vector256.Equals(bytes, Vector256.Create((byte)'&')).ExtractMostSignificantBits() & (Vector256.Equals(bytes, Vector256.Create((byte)'#')).ExtractMostSignificantBits() >> 1);
        return controls.ExtractMostSignificantBits() | percent | backslash | entity;
    }

    private static TextSurvey OfShort(ReadOnlySpan<char> text)
    {
        var (escapes, odd, digits, numbers) = (false, false, 0, false);
        foreach (var c in text)
        {
            digits = char.IsAsciiDigit(c) ? digits + 1 : 0;
            numbers |= digits == 4;
            escapes |= (c is '%' or '\\' or '&' or '\u001B') | (c < '\t');
            odd |= c > '~';
        }

        return new TextSurvey(escapes, odd, numbers);
    }
}
