using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire;

/// <summary>A 128-bit key of a message or of a chain of messages.</summary>
public readonly record struct TurnKey(ulong High, ulong Low)
{
    /// <summary>The empty chain.</summary>
    public static TurnKey Empty => default;

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{High:x16}{Low:x16}");
}

/// <summary>
/// Makes correlation keys: keyed hashes (HMAC-SHA-256, cut to 128 bits) of normalised messages, so that what is kept
/// for correlation says nothing about the text. One instance a request; not safe for concurrent use.
/// </summary>
/// <remarks>
/// Two messages have one key when they mean the same: <c>cache_control</c>, nulls, and the difference between a
/// string and a single text block are normalised away before the bytes come here. An assistant turn's key is made
/// of its text and its tool calls alone, so that the response as assembled and the same response as a client sends it
/// back have the same key.
/// </remarks>
public sealed class TurnKeys : IDisposable
{
    private readonly IncrementalHash _hash;
    private readonly TurnKey _chainFirst;
    private readonly TurnKey _chainSecond;

    /// <summary>Makes keys with a secret.</summary>
    /// <param name="secret">The store's correlation secret, 16 bytes or more.</param>
    /// <param name="known">Histories whose keys were made with the same secret before, or null.</param>
    public TurnKeys(byte[] secret, HistoryPrefixCache? known = null)
    {
        Known = known;
        _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        Append("chain-1");
        _chainFirst = Take();
        Append("chain-2");
        _chainSecond = Take();
    }

    /// <summary>Histories whose keys were made before, or null.</summary>
    internal HistoryPrefixCache? Known { get; }

    /// <summary>Adds bytes to the message whose key is being made.</summary>
    public void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

    /// <summary>Adds text to the message whose key is being made.</summary>
    public void Append(string text) => _hash.AppendData(Encoding.UTF8.GetBytes(text));

    /// <summary>The key of all that was appended since the last call.</summary>
    public TurnKey Take()
    {
        Span<byte> bytes = stackalloc byte[32];
        _hash.GetHashAndReset(bytes);
        return new TurnKey(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
    }

    /// <summary>The key of a chain that continues with one more message.</summary>
    /// <remarks>
    /// Both keys are keyed hashes already, so mixing them with products of secret constants reveals nothing about any
    /// text. A second HMAC for each message was half of what reading a long history cost.
    /// </remarks>
    public TurnKey Chain(TurnKey before, TurnKey message)
    {
        var (first, second) = (_chainFirst, _chainSecond);
        return new TurnKey(
            Mix(before.High ^ first.High, message.High ^ second.High) + BitOperations.RotateLeft(Mix(before.Low ^ first.Low, message.Low ^ second.Low), 29),
            Mix(before.Low ^ second.High, message.High ^ first.Low) + BitOperations.RotateLeft(Mix(before.High ^ second.Low, message.Low ^ first.High), 31));
    }

    /// <summary>
    /// The key of an assistant turn: its text without white space at both ends and without a
    /// <c>&lt;think&gt;</c> block in front, and its tool calls in order, each by
    /// its id, or by name and arguments where the dialect has no ids of its own (Gemini).
    /// </summary>
    public TurnKey AssistantTurn(string text, IEnumerable<string> toolCalls)
    {
        Append("assistant\n");
        Append(TurnText.ForKey(Encoding.UTF8.GetBytes(text)));
        foreach (var call in toolCalls)
        {
            Append("\0call\0");
            Append(call);
        }

        return Take();
    }

    /// <summary>The key of any other identifier, such as a tool-call id or a response id, by kind.</summary>
    public TurnKey Identifier(string kind, string id)
    {
        Append(kind);
        Append("\0");
        Append(id);
        return Take();
    }

    /// <inheritdoc />
    public void Dispose() => _hash.Dispose();

    private static ulong Mix(ulong left, ulong right)
    {
        var high = Math.BigMul(left, right, out var low);
        return high ^ low;
    }
}
