using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Server.Dashboard;

/// <summary>
/// Who uses the dashboard: the owner of a key, or this machine's user who has shown the local token. Kept in a cookie that the
/// server signs with the store's secret, so that every replica reads it. It never holds a key.
/// </summary>
/// <param name="KeyName">Name of the key; null for the machine's user.</param>
/// <param name="Expires">When it ends, in seconds since 1970.</param>
internal sealed record DashboardSession(string? KeyName, long Expires)
{
    /// <summary>Name of the cookie.</summary>
    public const string CookieName = "llmproxy-ui";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);
    private static readonly byte[] Purpose = "dashboard session"u8.ToArray();

    /// <summary>A session from now on.</summary>
    public static DashboardSession Begin(string? keyName, TimeProvider time) => new(keyName, (time.GetUtcNow() + Lifetime).ToUnixTimeSeconds());

    /// <summary>The session of a request; null if it has none, or an expired or forged one.</summary>
    public static DashboardSession? Of(HttpRequest request, CorrelationSecret secret, TimeProvider time)
    {
        if (request.Cookies[CookieName] is not { Length: > 0 and < 1000 } cookie || cookie.Split('.') is not [var payload, var signature])
        {
            return null;
        }

        var expected = Sign(payload, secret);
        if (!CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(expected), Encoding.ASCII.GetBytes(signature)))
        {
            return null;
        }

        var parts = Encoding.UTF8.GetString(Convert.FromHexString(payload)).Split('\n', 2);
        var session = new DashboardSession(parts[1].Length > 0 ? parts[1] : null, long.Parse(parts[0], CultureInfo.InvariantCulture));
        return session.Expires > time.GetUtcNow().ToUnixTimeSeconds() ? session : null;
    }

    /// <summary>The value of the cookie.</summary>
    public string ToCookie(CorrelationSecret secret)
    {
        var payload = Convert.ToHexStringLower(Encoding.UTF8.GetBytes($"{Expires.ToString(CultureInfo.InvariantCulture)}\n{KeyName}"));
        return $"{payload}.{Sign(payload, secret)}";
    }

    /// <summary>A value that forms send back: a page of another site cannot know it.</summary>
    public string FormToken(CorrelationSecret secret) => Sign("form " + ToCookie(secret), secret);

    /// <summary>Sets the cookie.</summary>
    public void Write(HttpContext context, CorrelationSecret secret) => context.Response.Cookies.Append(CookieName, ToCookie(secret), new CookieOptions
    {
        Path = DashboardEndpoints.Prefix,
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = context.Request.IsHttps,
        Expires = DateTimeOffset.FromUnixTimeSeconds(Expires),
    });

    private static string Sign(string text, CorrelationSecret secret) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(HMACSHA256.HashData(secret.Value, Purpose), Encoding.UTF8.GetBytes(text)));
}

/// <summary>What the user of a page may do.</summary>
/// <param name="CanEdit">Whether outcomes, examples and deletions are allowed.</param>
/// <param name="FormToken">The value that forms send back; null if nothing can be sent.</param>
public sealed record DashboardUser(bool CanEdit, string? FormToken)
{
    /// <summary>The user of a request; set by <see cref="DashboardGuard"/>.</summary>
    internal static DashboardUser Of(HttpContext context) => context.Features.Get<DashboardUser>() ?? throw new InvalidOperationException("The dashboard needs DashboardGuard before its endpoints.");
}
