using System.Text.RegularExpressions;

namespace LlmProxy.Core.Redaction;

/// <summary>
/// The secrets that are taken out of what is stored and of what is put into prompts. A further kind is a further row; the
/// tests run every row's example through both. Card numbers have no start to look for: see <see cref="CardNumbers"/>.
/// </summary>
internal static partial class SecretPatterns
{
    private const string Sample = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0";
    private const string Hexadecimal = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    /// <summary>What identifies itself by its form.</summary>
    public static IReadOnlyList<SecretPattern> Tokens { get; } =
    [
        // Model providers
        new TokenPattern("Anthropic key", "sk-ant-", Alphabet.Token, 16, "api03-" + Sample),
        new TokenPattern("OpenAI key", "sk-proj-|sk-svcacct-|sk-admin-", Alphabet.Token, 16, Sample, accepts: body => IsKey(body) || Randomness.IsRandom(body)),
        new TokenPattern("OpenRouter key", "sk-or-v1-", Alphabet.Token, 16, Sample),
        new TokenPattern("API key", "sk-", Alphabet.Token, 16, Sample, accepts: IsKey),
        new TokenPattern("OpenAI session", "sess-", Alphabet.Alphanumeric, 40, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("Groq key", "gsk_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("xAI key", "xai-", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("Perplexity key", "pplx-", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("Hugging Face token", "hf_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("Google API key", "AIza", Alphabet.Token, 30, Sample[..35], most: 60),
        new TokenPattern("Google auth key", "AQ.", Alphabet.Token, 40, "Ab8RN6" + Sample, accepts: Randomness.IsRandom),
        new TokenPattern("Google OAuth token", "ya29.", Alphabet.Token, 20, "a0" + Sample),
        new TokenPattern("Google OAuth secret", "GOCSPX-", Alphabet.Token, 20, Sample),
        new TokenPattern("Google refresh token", "1//0", Alphabet.Token, 40, Sample + "x", accepts: Randomness.IsRandom),
        new TokenPattern("Replicate key", "r8_", Alphabet.Alphanumeric, 30, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("Fireworks key", "fw_", Alphabet.Alphanumeric, 20, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("NVIDIA key", "nvapi-", Alphabet.Token, 40, Sample + "-" + Sample),
        new TokenPattern("Cerebras key", "csk-", Alphabet.Alphanumeric, 40, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("LangSmith key", "lsv2_pt_|lsv2_sk_", Alphabet.Word, 32, Sample + "_a1b2c3d4e5"),
        new TokenPattern("ElevenLabs key", "sk_", Alphabet.Hex, 40, Hexadecimal + "01234567", most: 64),
        new TokenPattern("Tavily key", "tvly-", Alphabet.Token, 20, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("Pinecone key", "pcsk_", Alphabet.Word, 40, Sample, accepts: Randomness.IsRandom),

        // Clouds
        new TokenPattern("AWS access key", "AKIA|ASIA|AGPA|AROA|AIDA", Alphabet.Upper, 16, "IOSFODNN7EXAMPLE", most: 16),
        new TokenPattern("AWS Bedrock key", "ABSK", Alphabet.Credential, 80, Sample + Sample, accepts: Randomness.IsRandom),
        new LookBackPattern("Azure client secret", "8Q~|7Q~", new(Alphabet.Credential, 3, 3), new(Alphabet.Credential, 31, 40), "a1B", Sample[..34]),
        new TokenPattern("Supabase token", "sbp_", Alphabet.Alphanumeric, 30, Sample),
        new TokenPattern("DigitalOcean token", "dop_v1_|doo_v1_|dor_v1_", Alphabet.Hex, 40, Hexadecimal + Hexadecimal),
        new TokenPattern("Heroku key", "HRKU-", Alphabet.Token, 30, Sample),
        new TokenPattern("Databricks token", "dapi", Alphabet.Hex, 32, Hexadecimal, most: 40),
        new TokenPattern("Vault token", "hvs.|hvb.|hvr.", Alphabet.Token, 20, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("URL signature", "&sig=|?sig=|&amp;sig=", Alphabet.Url, 43, Sample + Sample, accepts: Randomness.IsRandom),
        new LookBackPattern("Terraform token", ".atlasv1.", new(Alphabet.Alphanumeric, 14, 14), new(Alphabet.Token, 40, 100), Sample[..14], Sample + Sample),
        new TokenPattern("Vercel token", "vcp_|vci_|vca_|vcr_|vck_", Alphabet.Alphanumeric, 20, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("Pulumi token", "pul-", Alphabet.Hex, 40, Hexadecimal + "01234567", most: 40),
        new TokenPattern("Tailscale key", "tskey-", Alphabet.Token, 20, "auth-" + Sample),

        // Code and packages
        new TokenPattern("GitHub token", "ghp_|gho_|ghu_|ghs_|ghr_", Alphabet.Alphanumeric, 20, Sample),
        new TokenPattern("GitHub fine-grained token", "github_pat_", Alphabet.Word, 20, "11ABCDEFG_" + Sample),
        new TokenPattern("GitLab token", "glpat-|glrt-|gldt-|glptt-|glcbt-|glsoat-|glimt-|glagent-|glft-|glffct-", Alphabet.Token, 16, Sample, accepts: HasDigit),
        new TokenPattern("Bitbucket password", "ATBB", Alphabet.Alphanumeric, 28, Sample[..32], accepts: Randomness.IsRandom),
        new TokenPattern("Atlassian token", "ATATT3|ATCTT3", Alphabet.Credential, 60, Sample + Sample),
        new TokenPattern("npm token", "npm_", Alphabet.Alphanumeric, 30, Sample),
        new TokenPattern("PyPI token", "pypi-AgE|pypi-AgN", Alphabet.Token, 50, Sample + Sample),
        new TokenPattern("RubyGems key", "rubygems_", Alphabet.Hex, 40, Hexadecimal + "0123456789abcdef"),
        new TokenPattern("NuGet key", "oy2", Alphabet.Alphanumeric, 43, "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0u1v", most: 43, accepts: IsLower),
        new TokenPattern("Docker token", "dckr_pat_|dckr_oat_", Alphabet.Token, 20, Sample),
        new TokenPattern("crates.io token", "cio", Alphabet.Alphanumeric, 32, Sample[..32], most: 32, accepts: Randomness.IsRandom),
        new TokenPattern("Sourcegraph token", "sgp_", Alphabet.Word, 40, Hexadecimal + "01234567", accepts: Randomness.IsRandom),

        // Messages and payments
        new TokenPattern("Slack token", "xoxb-|xoxa-|xoxc-|xoxe-|xoxo-|xoxp-|xoxr-|xoxs-|xapp-", Alphabet.Token, 10, "123456789012-" + Sample, accepts: HasDigit),
        new TokenPattern("Slack cookie", "xoxd-", Alphabet.Url, 20, Sample, accepts: Randomness.IsRandom),
        new TokenPattern("Slack webhook", "hooks.slack.com/services/|hooks.slack.com/workflows/|hooks.slack.com/triggers/", Alphabet.Path, 10, "T01234567/B0123456789/" + Sample),
        new TokenPattern("Discord webhook", "discord.com/api/webhooks/|discordapp.com/api/webhooks/", Alphabet.Path, 30, "012345678901234567/" + Sample),
        new TokenPattern("Teams webhook", "webhook.office.com/webhookb2/", Alphabet.Url, 30, Hexadecimal + "@" + Hexadecimal + "/IncomingWebhook/" + Hexadecimal),
        new TokenPattern("Stripe key", "sk_live_|sk_test_|rk_live_|rk_test_|pk_live_|pk_test_", Alphabet.Alphanumeric, 10, Sample),
        new TokenPattern("Webhook signing secret", "whsec_", Alphabet.Credential, 20, Sample),
        new LookBackPattern("Mailchimp key", "-us", new(Alphabet.Hex, 32, 32), new(Alphabet.Alphanumeric, 1, 2), Hexadecimal, "12"),
        new TokenPattern("Twilio key", "SK0|SK1|SK2|SK3|SK4|SK5|SK6|SK7|SK8|SK9|SKa|SKb|SKc|SKd|SKe|SKf", Alphabet.Hex, 31, Hexadecimal[..31], most: 31),
        new TokenPattern("SendGrid key", "SG.", [new(Alphabet.Token, 16, 32, "."), new(Alphabet.Token, 32)], Sample[..22] + "." + Sample + "abc"),
        new TokenPattern("Mailgun key", "key-", Alphabet.Hex, 32, Hexadecimal, most: 32),
        new TokenPattern("Brevo key", "xkeysib-", Alphabet.Token, 40, Hexadecimal + Hexadecimal),
        new TokenPattern("Square token", "sq0atp-|sq0csp-|sq0idp-", Alphabet.Token, 20, Sample),
        new TokenPattern("Shopify token", "shpat_|shpca_|shppa_|shpss_", Alphabet.Hex, 32, Hexadecimal),
        new TokenPattern("Braintree token", "access_token$production$|access_token$sandbox$", Alphabet.Url, 20, "0123456789abcdef$" + Hexadecimal),

        // Tools
        new TokenPattern("Grafana token", "glsa_", Alphabet.Word, 32, Sample + "_a1b2c3d4"),
        new TokenPattern("Sentry token", "sntrys_|sntryu_", Alphabet.Credential, 40, Sample + Sample),
        new TokenPattern("New Relic key", "NRAK-|NRJS-|NRII-", Alphabet.Token, 19, Sample),
        new TokenPattern("Linear key", "lin_api_|lin_oauth_", Alphabet.Alphanumeric, 30, Sample),
        new TokenPattern("Notion token", "ntn_", Alphabet.Alphanumeric, 40, Sample + "abc", accepts: Randomness.IsRandom),
        new TokenPattern("Figma token", "figd_", Alphabet.Token, 30, Sample),
        new TokenPattern("Postman key", "PMAK-", Alphabet.Token, 40, Hexadecimal[..24] + "-" + Hexadecimal),
        new TokenPattern("age key", "AGE-SECRET-KEY-1", Alphabet.Upper, 50, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
        new TokenPattern("PostHog key", "phx_", Alphabet.Alphanumeric, 30, Sample, accepts: Randomness.IsRandom),

        // Standards
        new WebTokenPattern("hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + Sample),
        new PrivateKeyPattern(),
        new PuttyKeyPattern(),
        new TokenPattern("Password hash", "$apr1$|$1$|$2a$|$2b$|$2y$|$5$|$6$|$y$", Alphabet.Crypt, 22, "rounds=5000$" + Sample, accepts: Randomness.IsRandom),
    ];

    /// <summary>Prefixes that occur in encoded text too, by far the most frequent ones.</summary>
    private static readonly string[] EncodedPrefixes =
        ["sk-ant-", "sk-proj-", "sk-or-v1-", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "AKIA", "AIza", "xoxb-", "xoxp-", "hf_", "gsk_", "sk_live_", "-----BEGIN "];

    /// <summary>All kinds. Of several that begin with the same text the first that matches counts.</summary>
    public static IReadOnlyList<SecretPattern> All { get; } =
    [
        .. Tokens,
        .. Encoded(),
        new BasicPattern(),
        new SchemePattern("Bearer", Sample),
        new AuthorizationPattern(Sample),
        new CookiePattern(Sample),
        new UrlPasswordPattern(),
        new CommandPattern("curl", [" -u ", " --user ", " --proxy-user "], hasUser: true, "curl -u admin:", "Tr0ub4dor3xQ9"),
        new CommandPattern("mysql", [" -p"], hasUser: false, "mysql -u root -p", "Tr0ub4dor3xQ9"),
        new CommandPattern("sshpass", [" -p "], hasUser: false, "sshpass -p ", "Tr0ub4dor3xQ9"),
        new CommandPattern("docker login", [" -p "], hasUser: false, "docker login -u x -p ", "Tr0ub4dor3xQ9"),
        new CommandPattern("redis-cli", [" -a "], hasUser: false, "redis-cli -h x -a ", "Tr0ub4dor3xQ9"),
        new CommandPattern("machine ", [" password "], hasUser: false, "machine x login a password ", "Tr0ub4dor3xQ9"),
        new SeedPhrasePattern(),
        new WalletKeyPattern(),

        // Names
        new AssignmentPattern(
            "assigned password",
            ["password", "passwd", "passphrase", "pwd", "passwort", "_pass", "-pass"],
            SecretValue.IsPassword,
            "DB_PASSWORD=",
            "Tr0ub4dor&3xQ9",
            "forgot", "reset", "change", "show", "confirm"),
        new AssignmentPattern(
            "assigned key or secret",
            ["api_key", "api-key", "apikey", "api key", "access_key", "access-key", "accesskey", "access key", "secret_key", "secret-key", "secretkey", "secret key", "private_key", "privatekey", "account_key", "accountkey", "auth_key", "authkey", "secret"],
            SecretValue.IsKey,
            "\"client_secret\": \"",
            Sample),
        new AssignmentPattern("assigned token", ["token", "jwt"], SecretValue.IsKey, "VERCEL_TOKEN=", Sample[..24], "publickey", "public_key", "public-key", "metadata", "page", "next", "previous", "prev", "continuation", "cursor", "sync", "eos", "bos", "pad", "mask", "unk", "sep", "cls", "special", "stop", "max", "min"),
        new AssignmentPattern("assigned random key", ["key"], SecretValue.IsRandomKey, "the key is ", Sample, "public", "primary", "foreign", "cache", "partition", "sort", "idempotency", "host"),
    ];

    private static IEnumerable<SecretPattern> Encoded()
    {
        foreach (var prefix in EncodedPrefixes)
        {
            var plain = Tokens.First(p => p.Starts.Contains(prefix));
            yield return new Base64Pattern(plain, prefix);
            if (plain is TokenPattern)
            {
                yield return new HexPattern(plain, prefix);
            }
        }
    }

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

    /// <summary>Words with hyphens begin so too (<c>sk-fading-circle-item</c>, <c>sk-api-6b8f9d7c4d-x2z9k</c>); a key holds a long run of letters and digits.</summary>
    private static bool IsKey(ReadOnlySpan<char> token)
    {
        var run = 0;
        foreach (var c in token)
        {
            run = char.IsAsciiLetterOrDigit(c) ? run + 1 : 0;
            if (run >= 16)
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasDigit(ReadOnlySpan<char> token) => token.ContainsAnyInRange('0', '9');

    private static bool IsLower(ReadOnlySpan<char> token) => !token.ContainsAnyInRange('A', 'Z') && Randomness.IsRandom(token);
}
