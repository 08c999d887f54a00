using System.Security.Cryptography;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Protects the keys that encrypt the spool (<c>Recording:Spool:Encrypt</c>), by whatever keeps secrets where the application
/// runs: the proxy uses the data protection keys of ASP.NET Core.
/// </summary>
/// <param name="protect">Encrypts a key.</param>
/// <param name="unprotect">Decrypts it again, in a later process too. Throws <see cref="CryptographicException"/> where that is not possible.</param>
/// <param name="place">Where its own keys are, for messages.</param>
public sealed class SpoolKeyProtection(Func<byte[], byte[]> protect, Func<byte[], byte[]> unprotect, string place)
{
    /// <summary>Where its own keys are.</summary>
    public string Place { get; } = place;

    internal byte[] Protect(byte[] key) => protect(key);

    internal byte[] Unprotect(byte[] key) => unprotect(key);
}
