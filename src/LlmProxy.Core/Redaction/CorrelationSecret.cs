using System.Security.Cryptography;

namespace LlmProxy.Core.Redaction;

/// <summary>The secret of correlation keys: the store's own, or one of this process until the store can be read.</summary>
public sealed class CorrelationSecret
{
    /// <summary>32 bytes.</summary>
    public byte[] Value { get; set; } = RandomNumberGenerator.GetBytes(32);
}
