namespace LlmProxy.Core.Configuration;

/// <summary>Whose model a call is for: the model's name decides, then what is known of the way that it takes. Claude behind an OpenAI-compatible gateway is still Claude.</summary>
public sealed class ProviderResolver(IReadOnlyList<ModelProvider> models)
{
    /// <summary>Providers that a model, a route or a list can name.</summary>
    public static IReadOnlyList<string> Names { get; } = ["anthropic", "openai", "gemini", "proxy"];

    /// <summary>The provider of a call.</summary>
    /// <param name="model">The model asked for, or null.</param>
    /// <param name="otherwise">The provider where the model's name does not say; null for <c>proxy</c>.</param>
    public string Resolve(string? model, string? otherwise)
    {
        if (model is { Length: > 0 })
        {
            foreach (var entry in models)
            {
                if (ModelPatterns.Matches(entry.Pattern, model))
                {
                    return entry.Provider;
                }
            }
        }

        return otherwise ?? "proxy";
    }
}
