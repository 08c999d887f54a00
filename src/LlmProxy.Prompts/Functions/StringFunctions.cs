using System.Globalization;
using System.Security.Cryptography;
using System.Text;

using LlmProxy.Prompts.Runtime;

#pragma warning disable CA1845, CA1846, CA2249 // netstandard2.0 has no overloads for spans and characters.

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>string</c>.</summary>
internal static class StringFunctions
{
    public static readonly FunctionTable All = new()
    {
        { "escape", "text:string", a => a[0] is string text ? Escape(text) : null },
        { "append", "text:string, with:string", (context, a) => Join(context, a[0], a[1]) },
        { "capitalize", "text:string", a => Map(a, static text => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text.Substring(1)) },
        { "capitalizewords", "text:string", a => Map(a, CapitalizeWords, string.Empty) },
        { "contains", "text:string, value:string", a => Values.Box(a[0] is string text && a[1] is string part && text.Contains(part)) },
        { "empty", "text:string", a => Values.Box(string.IsNullOrEmpty((string?)a[0])) },
        { "whitespace", "text:string", a => Values.Box(string.IsNullOrWhiteSpace((string?)a[0])) },
        { "downcase", "text:string", a => Map(a, static text => text.ToLowerInvariant()) },
        { "ends_with", "text:string, value:string", a => Values.Box(a[0] is string text && a[1] is string part && text.EndsWith(part, StringComparison.Ordinal)) },
        { "equals_ignore_case", "text:string, value:string", a => Values.Box(a[0] is string text && a[1] is string other && string.Equals(text, other, StringComparison.OrdinalIgnoreCase)) },
        { "handleize", "text:string", a => Map(a, Handleize, string.Empty) },
        { "literal", "text:string", a => Map(a, Quote) },
        { "lstrip", "text:string", a => Map(a, static text => text.TrimStart()) },
        { "pluralize", "number:int, singular:string, plural:string", a => (int)a[0]! == 1 ? a[1] : a[2] },
        { "prepend", "text:string, by:string", (context, a) => Join(context, a[1], a[0]) },
        { "remove", "text:string, remove:string", a => Map(a, text => string.IsNullOrEmpty((string?)a[1]) ? text : text.Replace((string)a[1]!, string.Empty)) },
        { "remove_first", "text:string, remove:string", (context, a) => ReplaceOne(context, a, string.Empty, fromEnd: false) },
        { "remove_last", "text:string, remove:string", (context, a) => ReplaceOne(context, a, string.Empty, fromEnd: true) },
        { "replace", "text:string, match:string, replace:string", Replace },
        { "replace_first", "text:string, match:string, replace:string, fromend:bool=false", (context, a) => ReplaceOne(context, a, (string?)a[2], (bool)a[3]!) },
        { "rstrip", "text:string", a => Map(a, static text => text.TrimEnd()) },
        { "size", "text:string", a => Values.Box(((string?)a[0])?.Length ?? 0) },
        { "slice", "text:string, start:int, length:int=null", a => Slice((string?)a[0], (int)a[1]!, (int?)a[2] ?? int.MaxValue, isWhole: a[2] is null) },
        { "slice1", "text:string, start:int, length:int=1", a => Slice((string?)a[0], (int)a[1]!, (int)a[2]!, isWhole: false) },
        { "split", "text:string, match:string", Split },
        { "starts_with", "text:string, value:string", a => Values.Box(a[0] is string text && a[1] is string part && text.StartsWith(part, StringComparison.Ordinal)) },
        { "strip", "text:string", a => Map(a, static text => text.Trim()) },
        { "strip_newlines", "text:string", a => Map(a, static text => text.Replace("\r", string.Empty).Replace("\n", string.Empty)) },
        { "to_int", "text:string", a => int.TryParse((string?)a[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? Values.Box(number) : null },
        { "to_long", "text:string", a => long.TryParse((string?)a[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null },
        { "to_float", "text:string", a => float.TryParse((string?)a[0], NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var number) ? number : null },
        { "to_double", "text:string", a => double.TryParse((string?)a[0], NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var number) ? number : null },
        { "truncate", "text:string, length:int, ellipsis:string=null", a => Map(a, text => Truncate(text, (int)a[1]!, (string?)a[2] ?? "..."), string.Empty) },
        { "truncatewords", "text:string, count:int, ellipsis:string=null", a => Map(a, text => TruncateWords(text, (int)a[1]!), string.Empty) },
        { "upcase", "text:string", a => Map(a, static text => text.ToUpperInvariant()) },
        { "md5", "text:string", a => Hash(Algorithm.Md5, a) },
        { "sha1", "text:string", a => Hash(Algorithm.Sha1, a) },
        { "sha256", "text:string", a => Hash(Algorithm.Sha256, a) },
        { "sha512", "text:string", a => Hash(Algorithm.Sha512, a) },
        { "hmac_sha1", "text:string, secretKey:string", a => Hash(Algorithm.Sha1, a) },
        { "hmac_sha256", "text:string, secretKey:string", a => Hash(Algorithm.Sha256, a) },
        { "hmac_sha512", "text:string, secretKey:string", a => Hash(Algorithm.Sha512, a) },
        { "pad_left", "text:string, width:int", (context, a) => Pad(context, a).PadLeft((int)a[1]!) },
        { "pad_right", "text:string, width:int", (context, a) => Pad(context, a).PadRight((int)a[1]!) },
        { "base64_encode", "text:string", a => Map(a, static text => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)), string.Empty) },
        { "base64_decode", "text:string", a => Map(a, static text => Encoding.UTF8.GetString(Convert.FromBase64String(text)), string.Empty) },
        { "index_of", "text:string, search:string, startIndex:int=null, count:int=null, stringComparison:string=null", IndexOf },
    };

    private enum Algorithm
    {
        Md5,
        Sha1,
        Sha256,
        Sha512,
    }

    private static string? Map(object?[] arguments, Func<string, string> change, string? ofNull = null) =>
        arguments[0] is string text ? change(text) : ofNull;

    private static string Join(TemplateContext context, object? first, object? second)
    {
        var (a, b) = ((string?)first, (string?)second);
        context.CheckStringLength((a?.Length ?? 0) + (long)(b?.Length ?? 0));
        return a + b;
    }

    private static string Quote(string text)
    {
        var result = new StringBuilder(text.Length + 2);
        Values.AppendQuoted(result, text);
        return result.ToString();
    }

    private static string Escape(string text)
    {
        var quoted = Quote(text);
        return quoted.Substring(1, quoted.Length - 2);
    }

    private static string CapitalizeWords(string text)
    {
        var result = new StringBuilder(text);
        for (var i = 0; i < result.Length; i++)
        {
            if (i == 0 || char.IsWhiteSpace(result[i - 1]))
            {
                result[i] = char.ToUpperInvariant(result[i]);
            }
        }

        return result.ToString();
    }

    private static string Handleize(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (char.IsLetterOrDigit(c))
            {
                result.Append(char.ToLowerInvariant(c));
            }
            else if (result.Length > 0 && result[result.Length - 1] != '-')
            {
                result.Append('-');
            }
        }

        return result.ToString().TrimEnd('-');
    }

    private static string? Replace(TemplateContext context, object?[] a)
    {
        if (a[0] is not string text || a[1] is not string match)
        {
            return (string?)a[0];
        }

        if (match.Length == 0)
        {
            throw new ScriptFunctionException("The value cannot be an empty string. (Parameter 'oldValue')");
        }

        var result = text.Replace(match, (string?)a[2]);
        context.CheckStringLength(result.Length);
        return result;
    }

    private static string? ReplaceOne(TemplateContext context, object?[] a, string? by, bool fromEnd)
    {
        if (a[0] is not string text || a[1] is not string { Length: > 0 } match)
        {
            return (string?)a[0];
        }

        var at = fromEnd ? text.LastIndexOf(match, StringComparison.Ordinal) : text.IndexOf(match, StringComparison.Ordinal);
        if (at < 0)
        {
            return text;
        }

        var result = text.Substring(0, at) + by + text.Substring(at + match.Length);
        context.CheckStringLength(result.Length);
        return result;
    }

    private static string? Slice(string? text, int start, int length, bool isWhole)
    {
        if (string.IsNullOrEmpty(text) || start >= text!.Length)
        {
            return string.Empty;
        }

        if (isWhole)
        {
            length = text.Length;
        }

        if (start < 0)
        {
            start += text.Length;
        }

        // What is asked for before the first character counts against the length.
        var end = (long)start + length;
        start = Math.Max(start, 0);
        end = Math.Min(end, text.Length);
        return end <= start ? string.Empty : text.Substring(start, (int)end - start);
    }

    private static object? Split(TemplateContext context, object?[] a)
    {
        if (a[0] is not string text || text.Length == 0)
        {
            return new ScriptArray();
        }

        var parts = text.Split([(string?)a[1] ?? string.Empty], StringSplitOptions.RemoveEmptyEntries);
        context.CheckIterations(parts.Length);
        return new ScriptArray(parts);
    }

    private static string Truncate(string text, int length, string ellipsis)
    {
        if (text.Length <= length)
        {
            return text;
        }

        return text.Substring(0, Math.Max(length - ellipsis.Length, 0)) + ellipsis;
    }

    private static string TruncateWords(string text, int count)
    {
        if (text.Length == 0)
        {
            return text;
        }

        var words = text.Split([' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return string.Join(" ", words.Take(Math.Max(count, 0))) + "...";
    }

    private static string Pad(TemplateContext context, object?[] a)
    {
        var width = (int)a[1]!;
        if (width < 0)
        {
            throw new ScriptFunctionException($"The width `{width}` must not be negative.", 1);
        }

        context.CheckStringLength(width);
        return (string?)a[0] ?? string.Empty;
    }

    private static object? IndexOf(object?[] a)
    {
        if (a[0] is not string text || a[1] is not string search)
        {
            return Values.Box(-1);
        }

        var start = (int?)a[2] ?? 0;
        var comparison = StringComparison.Ordinal;
        if (a[4] is string name && !Enum.TryParse(name, ignoreCase: true, out comparison))
        {
            throw new ScriptFunctionException($"The string comparison `{name}` does not exist.", 4);
        }

        return Values.Box(text.IndexOf(search, start, (int?)a[3] ?? text.Length - start, comparison));
    }

    private static string Hash(Algorithm algorithm, object?[] a)
    {
        var text = Encoding.UTF8.GetBytes((string?)a[0] ?? string.Empty);
        var key = a.Length > 1 ? Encoding.UTF8.GetBytes((string?)a[1] ?? string.Empty) : null;
#pragma warning disable CA5350, CA5351 // The language has these functions; templates make keys and ids with them, not secrets.
        using HashAlgorithm hash = algorithm switch
        {
            Algorithm.Md5 => MD5.Create(),
            Algorithm.Sha1 => key is null ? SHA1.Create() : new HMACSHA1(key),
            Algorithm.Sha256 => key is null ? SHA256.Create() : new HMACSHA256(key),
            _ => key is null ? SHA512.Create() : new HMACSHA512(key),
        };
#pragma warning restore CA5350, CA5351
        var result = new StringBuilder();
        foreach (var b in hash.ComputeHash(text))
        {
            result.Append(b.ToString("x2", CultureInfo.InvariantCulture));
        }

        return result.ToString();
    }
}
