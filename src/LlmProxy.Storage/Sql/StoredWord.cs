using LlmProxy.Core;
using LlmProxy.Core.Stores;

namespace LlmProxy.Storage.Sql;

/// <summary>Reads the word that a table holds for a member of an enum.</summary>
internal static class StoredWord
{
    /// <exception cref="StoreException">A newer version wrote the word.</exception>
    public static T Parse<T>(string word)
        where T : struct, Enum =>
        EnumWords.ParseSnake<T>(word) ?? throw new StoreException($"The store holds the unknown {typeof(T).Name} '{word}'; a newer version wrote it.");
}
