using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace LlmProxy.Wire.Scanning;

/// <summary>
/// Digests by which bytes are recognised that came before, in this process alone. A universal hash under a random key:
/// NH of RFC 4418, section 5.2, with words of 64 bits and digests of 128, its blocks chained by the same function. Two
/// texts that were chosen without the key meet with a probability of 2^-64 a block.
/// </summary>
/// <remarks>A cryptographic hash of the same bytes costs ten times as much, which is too much for every call.</remarks>
internal static class ByteDigest
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockBytes = 2048;

    private const int Words = BlockBytes / sizeof(ulong);

    private static readonly ulong[] Key = MakeKey();

    /// <summary>The digest of some bytes.</summary>
    /// <param name="before">Digest of what precedes them, or 0.</param>
    /// <param name="bytes">The bytes.</param>
    public static UInt128 Of(UInt128 before, ReadOnlySpan<byte> bytes)
    {
        var length = (ulong)bytes.Length;
        for (; bytes.Length >= BlockBytes; bytes = bytes[BlockBytes..])
        {
            before = OfBlock(before, bytes[..BlockBytes]);
        }

        Span<byte> last = stackalloc byte[BlockBytes];
        bytes.CopyTo(last);
        last[bytes.Length..].Clear();
        return Join(OfBlock(before, last[..((bytes.Length + 15) & ~15)]), length);
    }

    /// <summary>The digest of a block, whose length is a multiple of 16, after other bytes.</summary>
    public static UInt128 OfBlock(UInt128 before, ReadOnlySpan<byte> block)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(block);
        var key = Key.AsSpan(0, words.Length);
        var sum = UInt128.Zero;
        for (var i = 0; i + 1 < words.Length; i += 2)
        {
            sum += Multiply(words[i] + key[i], words[i + 1] + key[i + 1]);
        }

        return Join(before, sum);
    }

    private static UInt128 Join(UInt128 before, UInt128 block) =>
        Multiply((ulong)before + Key[Words], (ulong)(before >> 64) + Key[Words + 1])
        + Multiply((ulong)block + Key[Words + 2], (ulong)(block >> 64) + Key[Words + 3]);

    private static UInt128 Multiply(ulong left, ulong right)
    {
        var high = Math.BigMul(left, right, out var low);
        return new UInt128(high, low);
    }

    private static ulong[] MakeKey()
    {
        var key = new ulong[Words + 4];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(key.AsSpan()));
        return key;
    }
}
