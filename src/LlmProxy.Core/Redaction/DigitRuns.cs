using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmProxy.Core.Redaction;

/// <summary>Finds digits in a row, many characters at a time.</summary>
internal static class DigitRuns
{
    private const int Least = 4;

    /// <summary>Where the next four digits in a row are; the text's length if there are none.</summary>
    public static int NextFour(ReadOnlySpan<char> text, int from)
    {
        var at = from;
        if (Vector256.IsHardwareAccelerated)
        {
            var units = MemoryMarshal.Cast<char, ushort>(text);
            var size = Vector256<byte>.Count;
            for (; at + size <= units.Length; at += size - Least + 1)
            {
                // A character beyond Latin-1 may look like a digit here; it is looked at again below.
                var bytes = Vector256.Narrow(Vector256.Create(units[at..]), Vector256.Create(units[(at + (size / 2))..]));
                var digits = Vector256.LessThan(bytes - Vector256.Create((byte)'0'), Vector256.Create((byte)10)).ExtractMostSignificantBits();
                for (var four = digits & (digits >> 1) & (digits >> 2) & (digits >> 3); four != 0; four &= four - 1)
                {
                    var found = at + BitOperations.TrailingZeroCount(four);
                    if (AreDigits(text, found))
                    {
                        return found;
                    }
                }
            }
        }

        for (; at + Least <= text.Length; at++)
        {
            if (AreDigits(text, at))
            {
                return at;
            }
        }

        return text.Length;
    }

    private static bool AreDigits(ReadOnlySpan<char> text, int at) =>
        char.IsAsciiDigit(text[at]) && char.IsAsciiDigit(text[at + 1]) && char.IsAsciiDigit(text[at + 2]) && char.IsAsciiDigit(text[at + 3]);
}
