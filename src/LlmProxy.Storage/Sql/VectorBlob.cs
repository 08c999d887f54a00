using System.Runtime.InteropServices;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// A vector as bytes: a mark, its dimension, then all its floats, or where most of them are zero (lexical vectors) pairs
/// of position and float. Little-endian, as every platform of .NET is.
/// </summary>
internal static class VectorBlob
{
    private const byte Dense = 0;
    private const byte Sparse = 1;
    private const int Header = 1 + sizeof(int);
    private const int Pair = sizeof(int) + sizeof(float);

    public static byte[] Encode(ReadOnlySpan<float> vector)
    {
        var filled = vector.Length - vector.Count(0f);
        var isDense = filled * Pair >= vector.Length * sizeof(float);
        var bytes = new byte[Header + (isDense ? vector.Length * sizeof(float) : filled * Pair)];
        bytes[0] = isDense ? Dense : Sparse;
        MemoryMarshal.Write(bytes.AsSpan(1), vector.Length);
        var rest = bytes.AsSpan(Header);
        if (isDense)
        {
            MemoryMarshal.AsBytes(vector).CopyTo(rest);
            return bytes;
        }

        for (var i = 0; i < vector.Length; i++)
        {
            if (vector[i] != 0)
            {
                MemoryMarshal.Write(rest, i);
                MemoryMarshal.Write(rest[sizeof(int)..], vector[i]);
                rest = rest[Pair..];
            }
        }

        return bytes;
    }

    public static float[] Decode(ReadOnlySpan<byte> bytes)
    {
        var vector = new float[MemoryMarshal.Read<int>(bytes[1..])];
        var rest = bytes[Header..];
        if (bytes[0] == Dense)
        {
            MemoryMarshal.Cast<byte, float>(rest).CopyTo(vector);
            return vector;
        }

        for (; rest.Length >= Pair; rest = rest[Pair..])
        {
            vector[MemoryMarshal.Read<int>(rest)] = MemoryMarshal.Read<float>(rest[sizeof(int)..]);
        }

        return vector;
    }
}
