using System.Text;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Tests.Redaction;

public sealed class RedactorTests
{
    private static readonly Redactor Redactor = new(new RedactionOptions());

    // In two pieces, so that no scanner takes this file for a leak.
    public static TheoryData<string> Secrets =>
    [
        "sk-" + "ant-api03-AbCdEf0123456789_-AbCdEf0123456789AA",
        "sk-" + "proj-AbCdEf0123456789AbCdEf0123456789",
        "sk-" + "abcdefghijklmnopqrstuvwxyzabcdef",
        "sk-" + "or-v1-0123456789abcdef0123456789abcdef",
        "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
        "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ASIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_" + "11ABCDEFG0123456789_abcdefghijklmnop",
        "glpat-" + "0123456789abcdefghij",
        "xoxb-" + "123456789012-1234567890123-AbCdEf",
        "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH",
        "gsk_" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR01234567",
        "sk_live_" + "0123456789abcdefghijABCD",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
    ];

    public static TheoryData<string> Harmless =>
    [
        "2026-11-22T13:45:12.123Z",
        "2026-11-22 13:45:12",
        "2026-03-01-12-30-45-123",
        "1763819112345",
        "1763819112345678901",
        "4155550132 and +41 44 668 18 00 and +1 415 555 0132 4444",
        "123e4567-e89b-12d3-a456-426614174000",
        "44444444-4455-6677-8899-001122334455",
        "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
        "0.4111111111111111",
        "4111111111111112",
        "1234567890123456",
        "the risk-based-approach-to-everything and disk-usage-of-the-machine",
        "class=\"sk-fading-circle-item sk-chase-dot\"",
        "a bearer of good news, and Bearer of bad ones",
        "eyJhbGciOiJIUzI1NiJ9 alone is no token",
        "AKIA is a prefix, AIza another, ghp_ a third",
        "-----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----",
        "[redacted]",
        "[redacted:assigned-password:0a1b2c3d] and password=[redacted:credential:0a1b2c3d]",
        "4006381333931 and 4012345678901 are articles of a shop",
        "sk-api-6b8f9d7c4d-x2z9k is a pod",
        "Bearer authentication-is-required-v2",
        "a.eyJavaClass.X.yyyyyyyyyyyyyyyyyy",
        "DE89 3704 0044 0532 0130 01 has wrong check digits",
        "the order 078-05-1120 has the form of a number of social security",
        "a %20 b \\u0041 c &amp; d \u200B e \u001B[31mred\u001B[0m",
    ];

    [Theory]
    [MemberData(nameof(Secrets))]
    public void A_secret_is_removed_and_nothing_beside_it(string secret)
    {
        Assert.Equal("my key: [redacted].", Redactor.Redact($"my key: {secret}."));
        Assert.Equal("[redacted]", Redactor.Redact(secret));
        Assert.Equal("line\n[redacted]\nline", Redactor.Redact($"line\n{secret}\nline"));
        Assert.Equal("key=\"[redacted]\"", Redactor.Redact($"key=\"{secret}\""));
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public void No_escape_of_json_hides_it(string secret)
    {
        foreach (var before in new[] { "", @"\n", @"\t", @"\u0022", @"\u003d", @"\\n", @"\/" })
        {
            var json = $$"""{"text":"key:{{before}}{{secret}}{{before}} end"}""";

            var redacted = Encoding.UTF8.GetString(Redactor.RedactJson(Encoding.UTF8.GetBytes(json)).Span);

            Assert.DoesNotContain(secret[4..], redacted, StringComparison.Ordinal);
            using var parsed = JsonDocument.Parse(redacted);
            Assert.EndsWith(" end", parsed.RootElement.GetProperty("text").GetString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Json_inside_of_json_is_looked_into(string secret)
    {
        var arguments = JsonSerializer.Serialize(new { note = $"a\n{secret}\n", more = "b" });
        var json = JsonSerializer.Serialize(new { arguments });

        var redacted = Encoding.UTF8.GetString(Redactor.RedactJson(Encoding.UTF8.GetBytes(json)).Span);

        Assert.DoesNotContain(secret[4..], redacted, StringComparison.Ordinal);
        using var outer = JsonDocument.Parse(redacted);
        using var inner = JsonDocument.Parse(outer.RootElement.GetProperty("arguments").GetString()!);
        Assert.Equal("b", inner.RootElement.GetProperty("more").GetString());
    }

    [Theory]
    [MemberData(nameof(Harmless))]
    public void What_only_looks_like_one_stays(string text)
    {
        Assert.Same(text, Redactor.Redact(text));
        ReadOnlyMemory<byte> json = JsonSerializer.SerializeToUtf8Bytes(new { text });
        Assert.True(json.Equals(Redactor.RedactJson(json)));
    }

    [Fact]
    public void Images_stay_as_they_are()
    {
        var random = new Random(7);
        for (var i = 0; i < 20; i++)
        {
            var image = new byte[100_000];
            random.NextBytes(image);
            var text = Convert.ToBase64String(image);
            Assert.Same(text, Redactor.Redact(text));
        }
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\\n")]
    [InlineData("\\\\n")]
    [InlineData("\r\n")]
    public void A_private_key_goes_from_its_first_line_to_its_last(string line)
    {
        var key = string.Join(line, "-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "MIIEpAIBAAKCAQEA0+x/y", "abc+def/ghi==", "-----END RSA PRIVATE KEY-----");

        Assert.Equal($"before [redacted]{line}after", Redactor.Redact($"before {key}{line}after"));
    }

    [Fact]
    public void A_private_key_that_was_cut_off_goes_as_far_as_it_is_there()
    {
        Assert.Equal("[redacted]", Redactor.Redact("-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0+x/y\nabc"));
        Assert.Equal("\"[redacted]\\\", more", Redactor.Redact("\"-----BEGIN PRIVATE KEY-----\\nMIIE\\\", more"));
    }

    [Fact]
    public void The_mark_never_takes_half_an_escape_with_it()
    {
        const string Json = """{"a":"{\"k\":\"-----BEGIN PRIVATE KEY-----\\nMIIE\"}","b":1}""";

        using var outer = JsonDocument.Parse(Redactor.RedactJson(Encoding.UTF8.GetBytes(Json)));
        using var inner = JsonDocument.Parse(outer.RootElement.GetProperty("a").GetString()!);

        Assert.Equal("[redacted]", inner.RootElement.GetProperty("k").GetString());
    }

    [Fact]
    public void What_stands_behind_bearer_and_the_name_of_an_aws_secret_goes()
    {
        Assert.Equal("Authorization: Bearer [redacted]", Redactor.Redact("Authorization: Bearer " + "abcdefghij0123456789ABCDEF"));
        Assert.Equal("aws_secret_access_key = [redacted]", Redactor.Redact("aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
        Assert.Equal("\"SecretAccessKey\": \"[redacted]\"", Redactor.Redact("\"SecretAccessKey\": \"" + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\""));
    }

    [Fact]
    public void A_card_that_is_a_number_of_json_becomes_a_string()
    {
        using var json = JsonDocument.Parse(Redactor.RedactJson("""{"card":4111111111111111,"n":1}"""u8.ToArray()));

        Assert.Equal("[redacted]", json.RootElement.GetProperty("card").GetString());
        Assert.Equal(1, json.RootElement.GetProperty("n").GetInt32());
    }

    [Fact]
    public void Patterns_of_the_settings_apply_to_each_text_and_leave_json_whole()
    {
        var redactor = new Redactor(new RedactionOptions { Patterns = ["customer .*", "(?i)hunter2"] });

        using var json = JsonDocument.Parse(redactor.RedactJson("""{"a":"customer \"Meyer\", Bonn","b":["x","HUNTER2"]}"""u8.ToArray()));

        Assert.Equal("[redacted]", json.RootElement.GetProperty("a").GetString());
        Assert.Equal("x", json.RootElement.GetProperty("b")[0].GetString());
        Assert.Equal("[redacted]", json.RootElement.GetProperty("b")[1].GetString());
    }

    [Theory]
    [InlineData(@"^(a+)+\1$")]
    [InlineData("(?<=customer )x")]
    [InlineData("(?>a+)b")]
    public void A_pattern_that_needs_backtracking_is_refused_by_its_name(string pattern)
    {
        var error = Assert.Throws<ArgumentException>(() => new Redactor(new RedactionOptions { Patterns = [pattern] }));

        Assert.Contains(pattern, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_of_the_settings_takes_linear_time()
    {
        var redactor = new Redactor(new RedactionOptions { Patterns = ["^(a+)+$"] });
        var text = new string('a', 40_000) + "!";

        Assert.Equal(text, redactor.Redact(text));
        Assert.Equal("[redacted]", redactor.Redact(text[..^1]));
    }

    [Fact]
    public void Switched_off_it_changes_nothing()
    {
        var secret = "sk-" + "ant-api03-AbCdEf0123456789";
        Assert.Same(secret, new Redactor(new RedactionOptions { Enabled = false, Patterns = ["."] }).Redact(secret));
    }

    [Fact]
    public void Broken_json_is_redacted_as_text() =>
        Assert.Equal("{\"a\": [redacted]", Encoding.UTF8.GetString(Redactor.RedactJson(Encoding.UTF8.GetBytes("{\"a\": sk-" + "ant-api03-AbCdEf0123456789")).Span));

    [Theory]
    [InlineData("sk-")]
    [InlineData("-eyJ")]
    [InlineData("eyJaaaaaaaa.")]
    [InlineData("Bearer ")]
    [InlineData("-----BEGIN PRIVATE KEY-----")]
    [InlineData("-----BEGIN ")]
    [InlineData("4111 ")]
    [InlineData("4111-1111-1111-111")]
    [InlineData("4")]
    [InlineData("\\")]
    [InlineData("ecret_access_key")]
    [InlineData("secret")]
    [InlineData("password=")]
    [InlineData("password:\\\\")]
    [InlineData("a_token = \"")]
    [InlineData("://")]
    [InlineData("://a:")]
    [InlineData("://a:b")]
    [InlineData("github_pat_")]
    [InlineData("Bearer a")]
    [InlineData("AIza ")]
    public void Hostile_text_is_scanned_in_linear_time(string piece)
    {
        Scaling.AssertLinear(
            20_000,
            size => (
                Json: Encoding.UTF8.GetBytes("{\"a\":" + JsonSerializer.Serialize(string.Concat(Enumerable.Repeat(piece, size / piece.Length)) + "!") + "}"),
                Token: "eyJ" + string.Concat(Enumerable.Repeat("-eyJ", size / 10)) + "." + new string('a', size / 10)),
            input =>
            {
                Redactor.RedactJson(input.Json);
                Redactor.Redact(input.Token);
            });
    }
}
