using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>The provider that a route names.</summary>
internal static class RouteProvider
{
    /// <summary>Metadata of a route that names its provider.</summary>
    public const string Metadata = "LlmProxy.Provider";

    /// <summary>The dialect that a provider's clients expect errors in, where the path does not say.</summary>
    public static DialectKind DialectOf(string? provider) => provider switch
    {
        "anthropic" => DialectKind.AnthropicMessages,
        "gemini" => DialectKind.Gemini,
        _ => DialectKind.OpenAiChat,
    };
}
