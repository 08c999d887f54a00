using LlmProxy.Core.Dialects;

namespace LlmProxy.Core.Configuration;

/// <summary>Whose model a call is for: the model's name decides, then the route. Claude behind an OpenAI-compatible gateway is still Claude.</summary>
public sealed class ProviderResolver(IReadOnlyList<ModelProvider> models)
{
    /// <summary>Metadata of a route that names its provider.</summary>
    public const string ProviderMetadata = "LlmProxy.Provider";

    /// <summary>The provider of a call.</summary>
    public string Resolve(string? model, string? routeProvider)
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

        return routeProvider ?? "proxy";
    }

    /// <summary>The dialect that a provider's clients expect errors in, where the path does not say.</summary>
    public static DialectKind DialectOf(string? provider) => provider switch
    {
        "anthropic" => DialectKind.AnthropicMessages,
        "gemini" => DialectKind.Gemini,
        _ => DialectKind.OpenAiChat,
    };
}
