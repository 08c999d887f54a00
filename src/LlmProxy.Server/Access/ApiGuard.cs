using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Access;

/// <summary>Shared by the guards of the API: the guarded paths, and the response to a rejected request.</summary>
internal static class ApiGuard
{
    /// <summary>Prefix of the API's paths.</summary>
    public const string Prefix = "/_llmproxy";

    /// <summary>Whether a request addresses the API.</summary>
    public static bool Guards(HttpRequest request) => request.Path.StartsWithSegments(Prefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a request is a health check.</summary>
    public static bool IsHealth(HttpRequest request) =>
        request.Path.Equals("/healthz", StringComparison.OrdinalIgnoreCase) || request.Path.Equals("/readyz", StringComparison.OrdinalIgnoreCase);

    /// <summary>Rejects a request with a problem.</summary>
    public static Task RefuseAsync(HttpContext context, int status, string title, string detail) =>
        TypedResults.Problem(new ProblemDetails { Status = status, Title = title, Detail = detail }).ExecuteAsync(context);
}
