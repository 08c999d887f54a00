using System.Text.RegularExpressions;

namespace LlmProxy.Core.Redaction;

/// <summary>
/// The secrets that are taken out of what is stored and of what is put into prompts. A further kind is a further row; the
/// tests run every row's example through both. Card numbers have no start to look for: see <see cref="CardNumbers"/>.
/// </summary>
internal static partial class SecretPatterns
{
    private const string Sample = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0";

    /// <summary>All kinds. Of several that begin with the same text the first that matches counts.</summary>
    public static IReadOnlyList<SecretPattern> All { get; } =
    [
        // Model providers
        new TokenPattern("key of Anthropic, OpenAI, OpenRouter or DeepSeek", "sk-", Alphabet.Token, 16, "proj-" + Sample, accepts: IsKey),
        new TokenPattern("Groq key", "gsk_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("xAI key", "xai-", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("Perplexity key", "pplx-", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("Hugging Face token", "hf_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("Google API key", "AIza", Alphabet.Token, 30, Sample[..35], most: 60),
        new TokenPattern("Google OAuth token", "ya29.", Alphabet.Token, 20, "a0" + Sample),

        // Clouds
        new TokenPattern("AWS access key", "AKIA", Alphabet.Upper, 16, "IOSFODNN7EXAMPLE", most: 16),
        new TokenPattern("AWS temporary access key", "ASIA", Alphabet.Upper, 16, "IOSFODNN7EXAMPLE", most: 16),
        new TokenPattern("AWS group id", "AGPA", Alphabet.Upper, 16, "IOSFODNN7EXAMPLE", most: 16),
        new TokenPattern("AWS role id", "AROA", Alphabet.Upper, 16, "IOSFODNN7EXAMPLE", most: 16),
        new TokenPattern("AWS user id", "AIDA", Alphabet.Upper, 16, "IOSFODNN7EXAMPLE", most: 16),
        new TokenPattern("Supabase token", "sbp_", Alphabet.Alphanumeric, 30, Sample),

        // Code and packages
        new TokenPattern("GitHub personal token", "ghp_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("GitHub OAuth token", "gho_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("GitHub user token", "ghu_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("GitHub server token", "ghs_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("GitHub refresh token", "ghr_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("GitHub fine-grained token", "github_pat_", Alphabet.Word, 20, "11ABCDEFG_" + Sample),
        new TokenPattern("GitLab token", "glpat-", Alphabet.Token, 16, Sample),
        new TokenPattern("npm token", "npm_", Alphabet.Alphanumeric, 30, Sample),

        // Messages and payments
        new TokenPattern("Slack access token", "xoxa-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack bot token", "xoxb-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack configuration token", "xoxe-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack legacy token", "xoxo-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack user token", "xoxp-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack refresh token", "xoxr-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack workspace token", "xoxs-", Alphabet.Token, 10, "123456789012-" + Sample),
        new TokenPattern("Slack app token", "xapp-", Alphabet.Token, 10, "1-A0123456789-" + Sample),
        new TokenPattern("Slack webhook", "hooks.slack.com/services/", Alphabet.Path, 10, "T01234567/B0123456789/" + Sample),
        new TokenPattern("Stripe secret key", "sk_live_", Alphabet.Alphanumeric, 10, Sample),
        new TokenPattern("Stripe test key", "sk_test_", Alphabet.Alphanumeric, 10, Sample),
        new TokenPattern("Stripe restricted key", "rk_live_", Alphabet.Alphanumeric, 10, Sample),
        new TokenPattern("Stripe restricted test key", "rk_test_", Alphabet.Alphanumeric, 10, Sample),
        new TokenPattern("Stripe publishable key", "pk_live_", Alphabet.Alphanumeric, 10, Sample),
        new TokenPattern("Stripe publishable test key", "pk_test_", Alphabet.Alphanumeric, 10, Sample),

        // Standards
        new TokenPattern("JSON web token", "eyJ", [new(Alphabet.Token, 5, Then: "."), new(Alphabet.Token, 8, Then: "."), new(Alphabet.Token, 4)], "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + Sample),
        new PrivateKeyPattern(),
        new SchemePattern("Bearer", Sample),
        new UrlPasswordPattern(),

        // Names
        new AssignmentPattern("assigned password", ["password", "passwd", "passphrase", "pwd", "passwort"], SecretValue.IsPassword, "DB_PASSWORD=", "Tr0ub4dor&3xQ9", "forgot", "reset", "change", "show", "confirm"),
        new AssignmentPattern(
            "assigned key or secret",
            ["api_key", "api-key", "apikey", "access_key", "access-key", "accesskey", "secret_key", "secret-key", "secretkey", "private_key", "privatekey", "account_key", "accountkey", "auth_key", "authkey", "secret"],
            SecretValue.IsKey,
            "\"client_secret\": \"",
            Sample),
        new AssignmentPattern("assigned token", ["token"], SecretValue.IsKey, "VERCEL_TOKEN=", Sample[..24], "page", "next", "previous", "prev", "continuation", "cursor", "sync", "eos", "bos", "pad", "mask", "unk", "sep", "cls", "special", "stop", "max", "min"),
    ];

    /// <summary>Whether a property's name says that its value is a secret, whatever the value looks like.</summary>
    public static bool IsNamed(string property) => SecretName().IsMatch(property) || Array.Exists(Assignments, pattern => pattern.Names(property));

    /// <summary>Whether a property's value is a secret by the property's name and looks like one.</summary>
    public static bool IsNamed(ReadOnlySpan<char> property, ReadOnlySpan<char> value)
    {
        foreach (var pattern in Assignments)
        {
            if (pattern.Names(property))
            {
                return pattern.Accepts(value);
            }
        }

        return false;
    }

    private static AssignmentPattern[] Assignments { get; } = [.. All.OfType<AssignmentPattern>()];

    [GeneratedRegex("""^(?:.*[_\-])?(?:pass(?:code)?|token|private[_\-]?key|authorization|credentials?|otp|pin)$""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex SecretName();

    /// <summary>Words with hyphens begin so too (<c>sk-fading-circle-item</c>); a key holds a digit, a capital, or a long run of letters.</summary>
    private static bool IsKey(string token)
    {
        var run = 0;
        foreach (var c in token)
        {
            run = char.IsAsciiLetterLower(c) ? run + 1 : 0;
            if (run >= 16 || char.IsAsciiDigit(c) || char.IsAsciiLetterUpper(c))
            {
                return true;
            }
        }

        return false;
    }
}
