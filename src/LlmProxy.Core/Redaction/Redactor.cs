using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LlmProxy.Wire.Json;

namespace LlmProxy.Core.Redaction;

/// <summary>
/// Removes secrets from what is about to be stored. Works on assembled text, since a secret can be split over stream
/// events. What is forwarded is never changed.
/// </summary>
/// <remarks>
/// Safe for concurrent use. Everything is found in linear time for any text: the built-in patterns by one forward scan, those
/// of the settings without backtracking.
/// </remarks>
public sealed class Redactor
{
    /// <summary>The replacement of a secret.</summary>
    public const string Mark = "[redacted]";

    // "type":"text" and the like are between two texts.
    private const int MostPartsBetween = 4;

    private static readonly TimeSpan PatternTimeout = TimeSpan.FromSeconds(2);

    private readonly bool _enabled;
    private readonly Regex[] _own;
    private readonly CorrelationSecret? _secret;
    private readonly string? _tenant;
    private readonly ConcurrentDictionary<string, Redactor> _tenants = new(StringComparer.Ordinal);

    /// <summary>A redactor with the settings' own patterns in addition to the built-in ones.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="secret">The key of placeholders, or null for the plain <see cref="Mark"/>.</param>
    /// <exception cref="ArgumentException">A pattern is none, or needs backtracking.</exception>
    public Redactor(RedactionOptions options, CorrelationSecret? secret = null)
        : this(options, secret, mayBacktrack: false)
    {
    }

    private Redactor(RedactionOptions options, CorrelationSecret? secret, bool mayBacktrack)
    {
        ArgumentNullException.ThrowIfNull(options);
        _enabled = options.Enabled;
        _own = [.. options.Patterns.Select(pattern => Compile(pattern, mayBacktrack))];
        _secret = secret;
    }

    /// <summary>A redactor for patterns of an application's own code, which may look around: one that misses its time limit removes the whole text.</summary>
    public static Redactor ForOwnCode(RedactionOptions options) => new(options, null, mayBacktrack: true);

    private Redactor(Redactor all, string tenant)
    {
        (_enabled, _own, _secret, _tenant) = (all._enabled, all._own, all._secret, tenant);
    }

    /// <summary>
    /// A redactor whose placeholders are a tenant's own: <c>[redacted:KIND:HASH]</c>, the same for the same secret. Without
    /// a key it leaves the plain <see cref="Mark"/>.
    /// </summary>
    public Redactor For(string tenant) => _secret is null ? this : _tenants.GetOrAdd(tenant, static (name, all) => new Redactor(all, name), this);

    /// <summary>The text with the plain <see cref="Mark"/> in place of each placeholder, as older recordings have it.</summary>
    public static string Unify(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Placeholder.Unify(text);
    }

    /// <summary>
    /// JSON without secrets; the same memory if there are none. Each string is redacted on its own, so that the result
    /// is JSON again whatever a pattern matches, and no escape hides where a secret begins.
    /// </summary>
    public ReadOnlyMemory<byte> RedactJson(ReadOnlyMemory<byte> utf8)
    {
        if (!_enabled || utf8.Length == 0)
        {
            return utf8;
        }

        if (_own.Length == 0 && !MayHoldSecret(utf8.Span))
        {
            return utf8;
        }

        try
        {
            return RedactStrings(utf8);
        }
        catch (JsonException)
        {
            // Broken JSON is a text like any other.
            var text = Encoding.UTF8.GetString(utf8.Span);
            var redacted = Redact(text);
            return ReferenceEquals(text, redacted) ? utf8 : Encoding.UTF8.GetBytes(redacted);
        }
    }

    /// <summary>JSON without secrets; the same object if there are none.</summary>
    public string RedactJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        ReadOnlyMemory<byte> utf8 = Encoding.UTF8.GetBytes(json);
        var redacted = RedactJson(utf8);
        return redacted.Equals(utf8) ? json : Encoding.UTF8.GetString(redacted.Span);
    }

    /// <summary>Text without secrets; the same object if there are none.</summary>
    public string Redact(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!_enabled || text.Length == 0)
        {
            return text;
        }

        var found = SecretScanner.Find(text);
        if (found.Count > 0)
        {
            var key = Key();
            text = SecretScanner.Replace(text, found, secret => Label(secret.Kind, secret.Value, key));
        }

        try
        {
            foreach (var pattern in _own)
            {
                text = pattern.Replace(text, match => Label("own-pattern", match.Value, Key()));
            }

            return text;
        }
        catch (RegexMatchTimeoutException)
        {
            return Mark;
        }
    }

    /// <summary>An id, a name or another text of one line without secrets; null for null.</summary>
    public string? RedactId(string? text) => text is null ? null : Redact(text);

    /// <summary>In linear time for any text.</summary>
    private static Regex Compile(string pattern, bool mayBacktrack)
    {
        try
        {
            return RuleRegex.CreateLinear(pattern);
        }
        catch (NotSupportedException) when (mayBacktrack)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, PatternTimeout);
        }
        catch (NotSupportedException error)
        {
            throw new ArgumentException($"The redaction pattern \"{pattern}\" needs backtracking, whose time has no limit: {error.Message} Write it without lookaround, atomic groups and references back.", nameof(pattern), error);
        }
    }

    private byte[]? Key() => _secret is null || _tenant is null ? null : Placeholder.KeyOf(_secret.Value, _tenant);

    private static string Label(string kind, string secret, byte[]? key) => key is null ? Mark : Placeholder.Of(kind, secret, key);

    private static bool MayHoldSecret(ReadOnlySpan<byte> utf8)
    {
        var text = ArrayPool<char>.Shared.Rent(utf8.Length);
        try
        {
            return SecretScanner.MayHold(text.AsSpan(0, Encoding.UTF8.GetChars(utf8, text)));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(text);
        }
    }

    /// <summary>A string of JSON, of which the beginning may be the rest of a token in the string before.</summary>
    /// <param name="value">The string.</param>
    /// <param name="open">In how many further strings the rest may come.</param>
    private string RedactPart(string value, ref int open)
    {
        var rest = open > 0 ? JoinedLines.PieceLength(value) : 0;
        open = rest > 0 ? 0 : Math.Max(0, open - 1);
        var redacted = rest == 0 ? Redact(value) : Label(value[..rest]) + Redact(value[rest..]);
        if (SecretScanner.EndsOpen(value))
        {
            open = MostPartsBetween;
        }

        return redacted;
    }

    /// <summary>The placeholder of a value that is a secret by its context.</summary>
    private string Label(string value) => SecretScanner.Find(value) is [{ Start: 0 } whole] && whole.End == value.Length ? Label(whole.Kind, whole.Value, Key()) : Label("credential", value, Key());

    private ReadOnlyMemory<byte> RedactStrings(ReadOnlyMemory<byte> utf8)
    {
        var json = utf8.Span;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
        using var buffer = new ByteBuffer(json.Length + 64);
        var copied = 0;
        string? property = null;
        var open = 0;
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName or JsonTokenType.Number))
            {
                property = null;
                continue;
            }

            var value = reader.TokenType == JsonTokenType.Number ? Encoding.UTF8.GetString(reader.ValueSpan) : JsonText.Decode(reader.ValueSpan);
            var isNamed = reader.TokenType == JsonTokenType.String && property is not null && SecretPatterns.IsNamed(property, value);
            var isName = reader.TokenType == JsonTokenType.PropertyName;
            property = isName ? value : null;
            var redacted = isNamed ? Label(value) : isName ? Redact(value) : RedactPart(value, ref open);
            if (ReferenceEquals(value, redacted) || value == redacted)
            {
                continue;
            }

            var start = (int)reader.TokenStartIndex;
            buffer.Append(json[copied..start]);
            JsonText.AppendLiteral(buffer, redacted);
            copied = start + reader.ValueSpan.Length + (reader.TokenType == JsonTokenType.Number ? 0 : 2);
        }

        if (copied == 0)
        {
            return utf8;
        }

        buffer.Append(json[copied..]);
        return buffer.ToArray();
    }
}
