using System.Text;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Redaction;

/// <summary>Known keys in forms that hide where they begin, or break them.</summary>
public sealed class DisplacedSecretTests
{
    private static readonly Redactor Redactor = new(new RedactionOptions());

    // In pieces, so that no scanner takes this file for a leak.
    private static readonly string Secret = "sk-" + "ant-api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3Ab4Cd5Ef6Gh7Ij8Kl9";

    public static TheoryData<string, string> Forms => new()
    {
        { "after a percent escape", "Authorization%3A%20" + Secret },
        { "after two percent escapes", "x%252520" + Secret },
        { "percent-encoded itself", string.Concat(Secret.Select(c => $"%{(int)c:X2}")) },
        { "after a letter", "key" + Secret },
        { "after an underscore", "MY_" + Secret },
        { "in single quotes", $"'{Secret}'" },
        { "with a terminal's colours", $"{Secret[..20]}\u001B[31m{Secret[20..]}" },
        { "with zero-width characters", Secret[..3] + "\u200B" + Secret[3..30] + "\u2060" + Secret[30..] },
        { "with a soft hyphen", Secret[..12] + "\u00AD" + Secret[12..] },
        { "in wide characters", string.Concat(Secret.Select(c => (char)(c + 0xFEE0))) },
        { "with an odd hyphen", Secret.Replace("-", "\u2011", StringComparison.Ordinal) },
        { "with escapes of nested JSON", Secret.Replace("-", "\\u002d", StringComparison.Ordinal) },
        { "with doubly escaped characters", Secret.Replace("-", "\\\\u002D", StringComparison.Ordinal) },
        { "with hexadecimal escapes", Secret.Replace("-", "\\x2d", StringComparison.Ordinal) },
        { "with numeric entities", Secret.Replace("-", "&#45;", StringComparison.Ordinal) },
        { "over two lines", Secret[..30] + "\n" + Secret[30..] },
        { "over two indented lines", Secret[..30] + "\\\n    " + Secret[30..] },
        { "over escaped lines", Secret[..30] + "\\n" + Secret[30..] },
        { "in concatenated strings", $"\"{Secret[..30]}\" + \"{Secret[30..]}\"" },
        { "in a quotation", $"> {Secret[..30]}\n> {Secret[30..]}" },
        { "in base64", Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret)) },
        { "in base64 after one character", Convert.ToBase64String(Encoding.UTF8.GetBytes("=" + Secret)) },
        { "in base64 after two characters", Convert.ToBase64String(Encoding.UTF8.GetBytes("a=" + Secret)) },
        { "in base64 of JSON", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{{\"key\":\"{Secret}\"}}")) },
        { "in hexadecimal", Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Secret)) },
        { "in capital hexadecimal", Convert.ToHexString(Encoding.UTF8.GetBytes(Secret)) },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_displaced_key_is_removed(string form, string text)
    {
        // Nothing of eight characters remains, in whatever way it is written.
        var redacted = Redactor.Redact("It is " + text);
        Assert.Contains(Redactor.Mark, redacted, StringComparison.Ordinal);
        Assert.True(Redactor.Redact(redacted) == redacted, form);
        for (var at = 0; at + 8 <= text.Length; at++)
        {
            var piece = text.Substring(at, 8);
            Assert.False(piece.All(char.IsAsciiLetterOrDigit) && piece.Any(char.IsAsciiDigit) && redacted.Contains(piece, StringComparison.Ordinal), $"{form}: {redacted}");
        }

        var json = Encoding.UTF8.GetString(Redactor.RedactJson(JsonSerializer.SerializeToUtf8Bytes(new { a = text, b = JsonSerializer.Serialize(new { note = text }) })).Span);
        Assert.DoesNotContain(Secret[40..], json, StringComparison.Ordinal);
        Assert.Equal(2, json.Split(Redactor.Mark).Length - 1);
        Assert.DoesNotContain(Secret[40..], RecordedText.CleanLine(text), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(12)]
    [InlineData(30)]
    [InlineData(50)]
    public void A_key_that_is_split_over_blocks_is_removed_from_both(int at)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(new object[] { new { type = "text", text = "It is " + Secret[..at] }, new { type = "text", text = Secret[at..] + " and more" } });

        var redacted = Encoding.UTF8.GetString(Redactor.RedactJson(json).Span);

        Assert.DoesNotContain(Secret[at..], redacted, StringComparison.Ordinal);
        Assert.Contains(" and more", redacted, StringComparison.Ordinal);
    }

    [Fact]
    public void One_secret_has_one_placeholder_for_each_tenant()
    {
        var all = new Redactor(new RedactionOptions(), new CorrelationSecret { Value = new byte[32] });
        var (one, other) = (all.For("a"), all.For("b"));

        var text = one.Redact($"It is {Secret}.");
        Assert.Matches(@"^It is \[redacted:anthropic-key:[0-9a-f]{8}\]\.$", text);
        Assert.Equal(text["It is ".Length..^1], one.Redact(Secret));
        Assert.Equal($"TOKEN={text["It is ".Length..^1]}", one.Redact("TOKEN=" + Secret));
        Assert.Equal(text["It is ".Length..^1], one.Redact(Secret.Replace("-", "\\u002d", StringComparison.Ordinal)));
        Assert.NotEqual(one.Redact(Secret), other.Redact(Secret));
        Assert.NotEqual(one.Redact(Secret), one.Redact(Secret + "x1"));
        Assert.NotEqual(one.Redact(Secret), new Redactor(new RedactionOptions(), new CorrelationSecret()).For("a").Redact(Secret));
        Assert.Equal("It is [redacted].", Redactor.Unify(text));
        Assert.Same(text, one.Redact(text));
    }

    [Fact]
    public void A_secret_of_its_context_has_one_placeholder_too()
    {
        var redactor = new Redactor(new RedactionOptions(), new CorrelationSecret { Value = new byte[32] }).For("a");
        const string Password = "Tr0ub4dor3xQ9";

        var placeholder = redactor.Redact("DB_PASSWORD=" + Password)["DB_PASSWORD=".Length..];
        Assert.Equal($"postgres://app:{placeholder}@db", redactor.Redact($"postgres://app:{Password}@db"));
        Assert.Equal($$"""{"password":"{{placeholder}}"}""", Encoding.UTF8.GetString(redactor.RedactJson(Encoding.UTF8.GetBytes($$"""{"password":"{{Password}}"}""")).Span));
    }
}
