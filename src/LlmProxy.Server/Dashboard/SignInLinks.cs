using System.Security.Cryptography;

namespace LlmProxy.Server.Dashboard;

/// <summary>One-time links that sign this machine's user in; each holds for a minute.</summary>
/// <remarks>Safe for concurrent use. A link belongs to the process that made it: the local token is for this machine alone.</remarks>
internal sealed class SignInLinks(TimeProvider time)
{
    private const int Most = 16;
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, DateTimeOffset> _codes = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>A new code.</summary>
    public string Create()
    {
        var code = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        lock (_lock)
        {
            foreach (var old in _codes.Where(pair => pair.Value <= time.GetUtcNow()).Select(pair => pair.Key).ToList())
            {
                _codes.Remove(old);
            }

            if (_codes.Count >= Most)
            {
                _codes.Remove(_codes.MinBy(pair => pair.Value).Key);
            }

            _codes[code] = time.GetUtcNow() + Lifetime;
        }

        return code;
    }

    /// <summary>Uses a code up; whether it was good.</summary>
    public bool Use(string code)
    {
        lock (_lock)
        {
            return _codes.Remove(code, out var until) && until > time.GetUtcNow();
        }
    }
}
