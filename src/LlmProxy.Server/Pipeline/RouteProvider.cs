namespace LlmProxy.Server.Pipeline;

/// <summary>The provider that a route names.</summary>
internal static class RouteProvider
{
    /// <summary>Metadata of a route that names its provider.</summary>
    public const string Metadata = "LlmProxy.Provider";
}
