using System.Buffers;

namespace LlmProxy.Core.Redaction;

/// <summary>The password of a URL: <c>postgres://user:PASSWORD@host</c>.</summary>
internal sealed class UrlPasswordPattern() : SecretPattern("password in a URL", [Start], "postgres://app:", "Tr0ub4dor3xQ9", "@db.example/x")
{
    private const string Start = "://";
    private const int LongestUser = 64;
    private const int LongestPassword = 128;

    private static readonly SearchValues<char> UserEnds = SearchValues.Create(":/@\\\"'<> \t\r\n");
    private static readonly SearchValues<char> PasswordEnds = SearchValues.Create("/@\\\"'<> \t\r\n");

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(Start, StringComparison.Ordinal))
        {
            return default;
        }

        var user = text[(at + Start.Length)..];
        var colon = user[..Math.Min(user.Length, LongestUser + 1)].IndexOfAny(UserEnds);
        if (colon < 0 || user[colon] != ':')
        {
            return default;
        }

        var password = user[(colon + 1)..];
        var end = password[..Math.Min(password.Length, LongestPassword + 1)].IndexOfAny(PasswordEnds);
        if (end <= 0 || password[end] != '@' || SecretValue.IsPlaceholder(password[..end]))
        {
            return default;
        }

        var start = at + Start.Length + colon + 1;
        return (start, start + end);
    }
}
