namespace LlmProxy.Core.Configuration;

/// <summary>A setting that is wrong. Never holds a secret.</summary>
/// <param name="Key">The key as its source spells it: <c>LlmProxy:FewShot:Count</c>, or the environment variable of an alias.</param>
/// <param name="Value">The bad value, or null if there is none to show.</param>
/// <param name="Fix">What is wrong with it and what to write instead.</param>
public sealed record ConfigurationProblem(string Key, string? Value, string Fix)
{
    /// <summary>Stands for a value that may hold a secret.</summary>
    public const string HiddenValue = "(hidden)";

    private const int LongestValue = 200;

    /// <inheritdoc/>
    public override string ToString() => Value switch
    {
        null => $"{Key}: {Fix}",
        HiddenValue => $"{Key} = {HiddenValue}: {Fix}",
        { Length: > LongestValue } => $"{Key} = \"{Value[..LongestValue]}…\": {Fix}",
        _ => $"{Key} = \"{Value}\": {Fix}",
    };
}
