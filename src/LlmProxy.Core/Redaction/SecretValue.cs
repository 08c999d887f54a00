using System.Buffers;
using System.Collections.Frozen;

namespace LlmProxy.Core.Redaction;

/// <summary>Tells secrets from what else follows a name such as <c>password</c> or <c>api_key</c>: types, placeholders, code.</summary>
internal static class SecretValue
{
    private const int ShortestPassword = 6;
    private const int ShortestKey = 8;
    private const int ShortestLetters = 32;
    private const int ShortestRandom = 20;

    private static readonly SearchValues<char> IdentifierCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.");

    private static readonly FrozenSet<string> Harmless = (
        "string str text varchar char int integer number float bool boolean object array list dict map bytes any void null none nil undefined true false yes no " +
        "required optional hidden masked secret password passwd passphrase token key apikey username user name value default example placeholder missing invalid " +
        "incorrect wrong changed changeme forgotten expired disabled enabled empty unset unknown redacted removed protected private public readonly static const " +
        "function return self this input output field label button form login email please enter your the must should cannot")
        .Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> HarmlessWords = Harmless.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Whether a text is put in the place of a secret: a variable, a template's mark, asterisks.</summary>
    public static bool IsPlaceholder(ReadOnlySpan<char> value) =>
        value.IsEmpty
        || value[0] is '$' or '%' or '{' or '<' or '*' or '(' or '[' or '#' or '\\'
        || value.StartsWith("...", StringComparison.Ordinal)
        || value.ContainsAny("{}")
        || HarmlessWords.Contains(value)
        || value.IndexOfAnyExcept(value[0]) < 0;

    /// <summary>Whether a value can be a password.</summary>
    public static bool IsPassword(ReadOnlySpan<char> value, bool isQuoted)
    {
        if (value.Length < ShortestPassword || IsPlaceholder(value) || value[0] is '/' or '.' or '~')
        {
            return false;
        }

        // In quotes it is a value; without, names of variables and calls come after the same names.
        return isQuoted ? !value.Contains("://", StringComparison.Ordinal) : !IsCode(value);
    }

    /// <summary>Whether a value can be a key or a token.</summary>
    public static bool IsKey(ReadOnlySpan<char> value, bool isQuoted)
    {
        if (value.Length < ShortestKey || IsPlaceholder(value) || value.ContainsAny("()[]") || value.Contains("://", StringComparison.Ordinal) || value[0] is '/' or '.')
        {
            return false;
        }

        var hasLetter = value.ContainsAnyInRange('a', 'z') || value.ContainsAnyInRange('A', 'Z');
        var hasDigit = value.ContainsAnyInRange('0', '9');
        return hasLetter && (hasDigit ? isQuoted || !IsCode(value) : value.Length >= ShortestLetters && !value.ContainsAny("_-./ "));
    }

    /// <summary>Whether a value can be a key where its name says little: long and random, and neither a hash nor an id.</summary>
    public static bool IsRandomKey(ReadOnlySpan<char> value, bool isQuoted) => value.Length >= ShortestRandom && Randomness.IsRandom(value) && !Randomness.IsHash(value) && IsKey(value, isQuoted);

    /// <summary>Whether an unquoted value is a piece of code: a call, a member, an identifier of several words.</summary>
    private static bool IsCode(ReadOnlySpan<char> value)
    {
        if (value.ContainsAny("()[]"))
        {
            return true;
        }

        if (value.ContainsAnyInRange('0', '9'))
        {
            // hash1.value2 and user_2.password are members of an object; random text has its digits elsewhere.
            return IsMember(value);
        }

        return !value.ContainsAnyExcept(IdentifierCharacters) && (value.ContainsAny("_.") || value[1..].ContainsAnyInRange('A', 'Z'));
    }

    private static bool IsMember(ReadOnlySpan<char> value)
    {
        var dot = value.IndexOf('.');
        return dot > 0 && !value.ContainsAnyExcept(IdentifierCharacters) && char.IsAsciiLetterLower(value[0]) && dot + 1 < value.Length && char.IsAsciiLetter(value[dot + 1]) && !value[..dot].ContainsAnyInRange('A', 'Z');
    }
}
