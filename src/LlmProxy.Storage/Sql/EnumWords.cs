using System.Text.Json;
using LlmProxy.Core.Stores;

namespace LlmProxy.Storage.Sql;

/// <summary>The members of an enum as the tables hold them: their names in snake case.</summary>
internal static class EnumWords<T>
    where T : struct, Enum
{
    private static readonly Dictionary<T, string> Words = Enum.GetValues<T>().ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
    private static readonly Dictionary<string, T> Values = Words.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);

    public static string Of(T value) => Words.TryGetValue(value, out var word) ? word : throw new ArgumentOutOfRangeException(nameof(value), value, null);

    /// <exception cref="StoreException">A newer version wrote the word.</exception>
    public static T Parse(string word) =>
        Values.TryGetValue(word, out var value) ? value : throw new StoreException($"The store holds the unknown {typeof(T).Name} '{word}'; a newer version wrote it.");
}
