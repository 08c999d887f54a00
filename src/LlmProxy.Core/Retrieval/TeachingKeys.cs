namespace LlmProxy.Core.Retrieval;

/// <summary>Whose runs may become examples: those of every key but the ones with <c>CanTeach</c> false.</summary>
/// <param name="options">The settings.</param>
public sealed class TeachingKeys(AuthOptions options)
{
    /// <summary>Names of the keys whose runs are recorded and never shown to another model. They count by the settings of now, not by those of the time of recording.</summary>
    public IReadOnlyList<string> Excluded { get; } = [.. options.Keys.Where(key => !key.CanTeach).Select(key => key.Name)];
}
