using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Server.Access;
using Microsoft.AspNetCore.DataProtection;

namespace LlmProxy.Server.Dashboard;

/// <summary>
/// Who visits the pages: a cookie that this process encrypts. It holds the hash of the visitor's key, or the mark of the
/// machine's own user, and ends after twelve hours or with the process.
/// </summary>
internal sealed class DashboardSessions(IDataProtectionProvider protection, KeyRing keys, TimeProvider time)
{
    private const string CookieName = "llmproxy-session";
    private const string LocalUser = "local";
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly IDataProtector _protector = protection.CreateProtector("LlmProxy.Dashboard.Session");

    /// <summary>Whether the pages need a key.</summary>
    public bool NeedsKey => keys.HasKeys;

    /// <summary>Signs the owner of a key in. False if the key is unknown, or may not read the API.</summary>
    public bool TrySignIn(HttpContext context, string key)
    {
        if (keys.Find(key) is not { IsAdmin: true })
        {
            return false;
        }

        Write(context, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key))));
        return true;
    }

    /// <summary>Signs the machine's own user in.</summary>
    public void SignInLocalUser(HttpContext context) => Write(context, LocalUser);

    /// <summary>Ends the session.</summary>
    public static void SignOut(HttpContext context) => context.Response.Cookies.Delete(CookieName, Cookie(context));

    /// <summary>The signed-in caller, or null.</summary>
    public Caller? Find(HttpContext context)
    {
        if (context.Request.Cookies[CookieName] is not { Length: > 0 and < 4096 } cookie || Unprotect(cookie) is not { } text)
        {
            return null;
        }

        // The key may have been removed from the settings since.
        var (end, who) = (text.Split(' ')[0], text.Split(' ')[^1]);
        return !long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || time.GetUtcNow().ToUnixTimeSeconds() >= seconds ? null
            : who == LocalUser ? (keys.HasKeys ? null : Caller.Anonymous)
            : keys.FindHash(Convert.FromHexString(who)) is { IsAdmin: true } caller ? caller : null;
    }

    private void Write(HttpContext context, string who)
    {
        var end = time.GetUtcNow() + Lifetime;
        context.Response.Cookies.Append(CookieName, _protector.Protect(string.Create(CultureInfo.InvariantCulture, $"{end.ToUnixTimeSeconds()} {who}")), Cookie(context));
    }

    private string? Unprotect(string cookie)
    {
        try
        {
            return _protector.Unprotect(cookie);
        }
        catch (CryptographicException)
        {
            // Made by an earlier process, or forged.
            return null;
        }
    }

    private static CookieOptions Cookie(HttpContext context) =>
        new() { Path = DashboardEndpoints.Prefix, HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = context.Request.IsHttps, IsEssential = true };
}
