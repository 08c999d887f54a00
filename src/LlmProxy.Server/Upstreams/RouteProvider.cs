using LlmProxy.Wire;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Upstreams;

/// <summary>Reads the provider of a route.</summary>
internal static class RouteProvider
{
    /// <summary>Metadata of a route that names its provider.</summary>
    public const string Metadata = "LlmProxy.Provider";

    /// <summary>The provider of a request's route, or null.</summary>
    public static string? Of(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>()?.Config.Metadata?.GetValueOrDefault(Metadata);

    /// <summary>The dialect in which clients of a request's route expect errors: the path's, else that of the route's provider.</summary>
    public static DialectKind DialectOf(HttpContext context) =>
        DialectCatalog.Recognize(context.Request.Method, context.Request.Path.Value ?? "") ?? DialectCatalog.OfProvider(Of(context)).Kind;
}
