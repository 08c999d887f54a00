namespace LlmProxy.Core.Configuration;

/// <summary>Decides the provider of a call's model: by the model's name, then by its route. Claude behind an OpenAI-compatible gateway is still Claude.</summary>
public sealed class ProviderResolver(IReadOnlyList<ModelProvider> models)
{
    /// <summary>The provider of models that belong to none of the others.</summary>
    public const string Unknown = "proxy";

    /// <summary>Providers that a model, a route or a list can name.</summary>
    public static IReadOnlyList<string> Names { get; } = ["anthropic", "openai", "gemini", "proxy"];

    /// <summary>The provider of a call.</summary>
    /// <param name="model">The model asked for, or null.</param>
    /// <param name="otherwise">The provider where the model's name does not say; null for <c>proxy</c>.</param>
    public string Resolve(string? model, string? otherwise) => Find(model) ?? otherwise ?? Unknown;

    /// <summary>The provider that a model's name decides; null if it does not.</summary>
    public string? Find(string? model) => model is { Length: > 0 } ? models.FirstOrDefault(entry => ModelPatterns.Matches(entry.Pattern, model))?.Provider : null;
}
