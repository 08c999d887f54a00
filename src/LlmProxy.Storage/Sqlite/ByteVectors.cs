using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LlmProxy.Storage.Sqlite;

/// <summary>Arithmetic on vectors of bytes from -127 to 127.</summary>
internal static class ByteVectors
{
    /// <summary>The sum of the products, of two vectors of one length (up to 100 000 numbers, so that an int holds it).</summary>
    /// <param name="a">Numbers from -127 to 127. Wider than they need be: of the many vectors that one is compared with, each is read once and this one always.</param>
    /// <param name="b">The other numbers.</param>
    public static int Dot(ReadOnlySpan<short> a, ReadOnlySpan<sbyte> b)
    {
        if (Avx512BW.IsSupported)
        {
            return Dot512(a, b);
        }

        var sums = Vector256<int>.Zero;
        var left = MemoryMarshal.Cast<short, Vector256<short>>(a);
        var right = MemoryMarshal.Cast<sbyte, Vector128<sbyte>>(b);
        for (var i = 0; i < right.Length; i++)
        {
            if (Avx2.IsSupported)
            {
                sums += Avx2.MultiplyAddAdjacent(left[i], Avx2.ConvertToVector256Int16(right[i]));
                continue;
            }

            // A product is at most 127 * 127, which a short still holds.
            var (lower, upper) = Vector128.Widen(right[i]);
            var (low, high) = Vector256.Widen(left[i] * Vector256.Create(lower, upper));
            sums += low + high;
        }

        var sum = Vector256.Sum(sums);
        for (var i = right.Length * Vector128<sbyte>.Count; i < b.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static int Dot512(ReadOnlySpan<short> a, ReadOnlySpan<sbyte> b)
    {
        // Two sums, so that one addition need not wait for the one before.
        var (even, odd) = (Vector512<int>.Zero, Vector512<int>.Zero);
        var left = MemoryMarshal.Cast<short, Vector512<short>>(a);
        var right = MemoryMarshal.Cast<sbyte, Vector256<sbyte>>(b);
        var i = 0;
        for (; i + 1 < right.Length; i += 2)
        {
            even += Avx512BW.MultiplyAddAdjacent(left[i], Avx512BW.ConvertToVector512Int16(right[i]));
            odd += Avx512BW.MultiplyAddAdjacent(left[i + 1], Avx512BW.ConvertToVector512Int16(right[i + 1]));
        }

        for (; i < right.Length; i++)
        {
            even += Avx512BW.MultiplyAddAdjacent(left[i], Avx512BW.ConvertToVector512Int16(right[i]));
        }

        var sum = Vector512.Sum(even + odd);
        for (i = right.Length * Vector256<sbyte>.Count; i < b.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
