using System.Buffers;
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
/// Safe for concurrent use. The built-in patterns are found by one forward scan, in linear time for any text. A pattern of
/// the settings that misses its time limit removes the whole text: better lost than leaked.
/// </remarks>
public sealed class Redactor
{
    /// <summary>The replacement of a secret.</summary>
    public const string Mark = "[redacted]";

    private static readonly TimeSpan PatternTimeout = TimeSpan.FromSeconds(2);

    private readonly bool _enabled;
    private readonly Regex[] _own;

    /// <summary>A redactor with the settings' own patterns in addition to the built-in ones.</summary>
    public Redactor(RedactionOptions options)
    {
        _enabled = options.Enabled;
        _own = [.. options.Patterns.Select(Compile)];
    }

    /// <summary>
    /// JSON without secrets; the same memory if there are none. Each string is taken by itself, so that the result
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

    /// <summary>Text without secrets; the same object if there are none.</summary>
    public string Redact(string text)
    {
        if (!_enabled || text.Length == 0)
        {
            return text;
        }

        try
        {
            text = SecretScanner.Replace(text, Mark, out _);
            foreach (var pattern in _own)
            {
                text = pattern.Replace(text, Mark);
            }

            return text;
        }
        catch (RegexMatchTimeoutException)
        {
            return Mark;
        }
    }

    /// <summary>In linear time for any text, unless the pattern needs what only backtracking can do.</summary>
    private static Regex Compile(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, PatternTimeout);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, PatternTimeout);
        }
    }

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

    private ReadOnlyMemory<byte> RedactStrings(ReadOnlyMemory<byte> utf8)
    {
        var json = utf8.Span;
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
        using var buffer = new ByteBuffer(json.Length + 64);
        var copied = 0;
        string? property = null;
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName or JsonTokenType.Number))
            {
                property = null;
                continue;
            }

            var value = reader.TokenType == JsonTokenType.Number ? Encoding.UTF8.GetString(reader.ValueSpan) : JsonText.Decode(reader.ValueSpan);
            var isNamed = reader.TokenType == JsonTokenType.String && property is not null && SecretPatterns.IsNamed(property, value);
            property = reader.TokenType == JsonTokenType.PropertyName ? value : null;
            var redacted = isNamed ? Mark : Redact(value);
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
