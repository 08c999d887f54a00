using System.Buffers.Binary;
using System.Security.Cryptography;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Encrypts payloads of the spool with AES-256-GCM. Each process has a key of its own, which its segments hold in protected
/// form; nonces are a counter, so none comes twice for a key. The header of a record stays readable, so that damage is found and
/// skipped as in a plain segment, and is authenticated with the payload.
/// </summary>
internal sealed class SpoolCipher : IDisposable
{
    /// <summary>Bytes that a payload grows by: the nonce's counter and the tag.</summary>
    public const int Overhead = CounterBytes + TagBytes;

    private const int CounterBytes = 8;
    private const int TagBytes = 16;
    private const int NonceBytes = 12;
    private const int KeyBytes = 32;

    private readonly byte[] _key;
    private readonly AesGcm _writing;
    private long _counter;

    private SpoolCipher(byte[] key, byte[] protectedKey)
    {
        _key = key;
        _writing = new AesGcm(key, TagBytes);
        ProtectedKey = protectedKey;
    }

    /// <summary>The key as segments hold it.</summary>
    public byte[] ProtectedKey { get; }

    /// <summary>A cipher with a new key.</summary>
    /// <exception cref="CryptographicException">The key cannot be protected.</exception>
    public static SpoolCipher Create(SpoolKeyProtection protection)
    {
        var key = RandomNumberGenerator.GetBytes(KeyBytes);
        var protectedKey = protection.Protect(key);
        return protectedKey.Length is > 0 and <= SpoolFrame.LongestKey
            ? new SpoolCipher(key, protectedKey)
            : throw new CryptographicException($"A protected key has {protectedKey.Length} bytes; a segment has room for {SpoolFrame.LongestKey}.");
    }

    /// <summary>The cipher of a segment; null where its key cannot be read.</summary>
    public static SpoolCipher? TryOpen(SpoolKeyProtection? protection, byte[] protectedKey)
    {
        try
        {
            return protection?.Unprotect(protectedKey) is { Length: KeyBytes } key ? new SpoolCipher(key, protectedKey) : null;
        }
        catch (CryptographicException)
        {
            // The caller counts the segment and says which keys are missing.
            return null;
        }
    }

    /// <summary>Encrypts a payload. Not safe for concurrent use; the spool holds its lock.</summary>
    /// <param name="header">The covered part of the record's header.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="stored">Takes it, with <see cref="Overhead"/> more bytes.</param>
    public void Encrypt(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, Span<byte> stored)
    {
        BinaryPrimitives.WriteInt64LittleEndian(stored, ++_counter);
        Span<byte> nonce = stackalloc byte[NonceBytes];
        nonce.Clear();
        stored[..CounterBytes].CopyTo(nonce);
        _writing.Encrypt(nonce, payload, stored.Slice(CounterBytes, payload.Length), stored.Slice(CounterBytes + payload.Length, TagBytes), header);
    }

    /// <summary>Decrypts a payload. Safe for concurrent use.</summary>
    /// <exception cref="IOException">It is not what was written.</exception>
    public void Decrypt(ReadOnlySpan<byte> header, ReadOnlySpan<byte> stored, Span<byte> payload)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        nonce.Clear();
        stored[..CounterBytes].CopyTo(nonce);
        try
        {
            // An instance is no more than a key schedule, and one may not be used by two threads.
            using var aes = new AesGcm(_key, TagBytes);
            aes.Decrypt(nonce, stored[CounterBytes..^TagBytes], stored[^TagBytes..], payload, header);
        }
        catch (AuthenticationTagMismatchException error)
        {
            throw new IOException("A record of the spool cannot be decrypted: it was changed on the disk.", error);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _writing.Dispose();
        CryptographicOperations.ZeroMemory(_key);
    }
}
