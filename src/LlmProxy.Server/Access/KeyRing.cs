using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Access;

/// <summary>The keys of this proxy. Only their hashes are kept.</summary>
internal sealed class KeyRing
{
    private const int MaxOnStack = 768;

    private readonly (byte[] Hash, Caller Caller)[] _keys;

    /// <summary>Reads the keys of the settings; an entry whose environment variable is not set is ignored.</summary>
    public KeyRing(AuthOptions options, Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        _keys =
        [
            .. options.Keys
                .Select(key => (Hash: HashOf(key, environment), Caller: new Caller(key.Tenant, key.Name, key.Admin)))
                .Where(key => key.Hash is not null)
                .Select(key => (key.Hash!, key.Caller)),
        ];
        HasKeys = options.Keys.Count > 0;
    }

    /// <summary>Whether every call needs a key.</summary>
    public bool HasKeys { get; }

    /// <summary>Finds the owner of a key, or null. Compares in constant time.</summary>
    public Caller? Find(ReadOnlySpan<char> presented)
    {
        if (presented.IsEmpty || _keys.Length == 0)
        {
            return null;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var size = Encoding.UTF8.GetMaxByteCount(presented.Length);
        Span<byte> bytes = size <= MaxOnStack ? stackalloc byte[MaxOnStack] : new byte[size];
        SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(presented, bytes)], hash);
        return FindHash(hash);
    }

    /// <summary>Finds the owner of a key by the key's SHA-256, or null. Compares in constant time.</summary>
    public Caller? FindHash(ReadOnlySpan<byte> hash)
    {
        Caller? found = null;
        foreach (var (known, caller) in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(known, hash))
            {
                found = caller;
            }
        }

        return found;
    }

    private static byte[]? HashOf(AuthKey key, Func<string, string?> environment)
    {
        if (key.Sha256 is { } digits)
        {
            return Convert.FromHexString(digits);
        }

        return key.Env is { } name && environment(name) is { Length: > 0 } value ? SHA256.HashData(Encoding.UTF8.GetBytes(value)) : null;
    }
}
