using System.Security.Cryptography;

namespace LlmProxy.Server.Dashboard;

/// <summary>Codes that sign the machine's own user in, each once and within ten minutes.</summary>
internal sealed class OneTimeLinks(TimeProvider time)
{
    private const int MostOpen = 16;
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly List<(byte[] Hash, long At)> _open = [];

    /// <summary>Makes a link; the oldest unused one ends if there are too many.</summary>
    public string Create()
    {
        var code = RandomNumberGenerator.GetBytes(32);
        lock (_gate)
        {
            if (_open.Count == MostOpen)
            {
                _open.RemoveAt(0);
            }

            _open.Add((SHA256.HashData(code), time.GetTimestamp()));
        }

        return $"{DashboardEndpoints.Prefix}/open?code={Convert.ToHexStringLower(code)}";
    }

    /// <summary>Uses a code up. False if it is unknown, used or too old.</summary>
    public bool TryUse(string? code)
    {
        if (code is not { Length: 64 } || !code.All(char.IsAsciiHexDigit))
        {
            return false;
        }

        var hash = SHA256.HashData(Convert.FromHexString(code));
        lock (_gate)
        {
            _open.RemoveAll(link => time.GetElapsedTime(link.At) > Lifetime);
            return _open.RemoveAll(link => CryptographicOperations.FixedTimeEquals(link.Hash, hash)) > 0;
        }
    }
}
