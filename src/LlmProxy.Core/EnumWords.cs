using System.Collections.Frozen;
using System.Text.Json;

namespace LlmProxy.Core;

/// <summary>Spells the names of enum members for the API, headers, the database and logs, and reads them back.</summary>
internal static class EnumWords
{
    /// <summary>A member's name in lower case with hyphens: <c>TooLarge</c> gives <c>too-large</c>.</summary>
    public static string Kebab<T>(T value)
        where T : struct, Enum => Words<T>.Kebab[value];

    /// <summary>The member of a word of <see cref="Kebab"/>; null for an unknown word.</summary>
    public static T? ParseKebab<T>(string word)
        where T : struct, Enum => Words<T>.ByKebab.TryGetValue(word, out var value) ? value : null;

    /// <summary>A member's name in lower case with underscores: <c>ClientLeft</c> gives <c>client_left</c>.</summary>
    public static string Snake<T>(T value)
        where T : struct, Enum => Words<T>.Snake[value];

    /// <summary>The member of a word of <see cref="Snake"/>; null for an unknown word.</summary>
    public static T? ParseSnake<T>(string word)
        where T : struct, Enum => Words<T>.BySnake.TryGetValue(word, out var value) ? value : null;

    /// <summary>The words of <see cref="Snake"/>, in the order of the enumeration.</summary>
    public static IReadOnlyList<string> SnakeWords<T>()
        where T : struct, Enum => [.. Enum.GetValues<T>().Select(Snake)];

    private static class Words<T>
        where T : struct, Enum
    {
        public static readonly FrozenDictionary<T, string> Kebab = Of(JsonNamingPolicy.KebabCaseLower);
        public static readonly FrozenDictionary<string, T> ByKebab = Kebab.ToFrozenDictionary(p => p.Value, p => p.Key, StringComparer.Ordinal);
        public static readonly FrozenDictionary<T, string> Snake = Of(JsonNamingPolicy.SnakeCaseLower);
        public static readonly FrozenDictionary<string, T> BySnake = Snake.ToFrozenDictionary(p => p.Value, p => p.Key, StringComparer.Ordinal);

        private static FrozenDictionary<T, string> Of(JsonNamingPolicy policy) => Enum.GetValues<T>().ToFrozenDictionary(v => v, v => policy.ConvertName(v.ToString()));
    }
}
