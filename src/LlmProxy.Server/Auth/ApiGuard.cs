using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Auth;

/// <summary>What the guards of the API share: the paths that they guard, and the answer to a request that they refuse.</summary>
internal static class ApiGuard
{
    /// <summary>The path that the API's own paths begin with.</summary>
    public const string Prefix = "/_llmproxy";

    /// <summary>Whether a request asks for the API.</summary>
    public static bool Guards(HttpRequest request) => request.Path.StartsWithSegments(Prefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Refuses a request before it comes to an endpoint.</summary>
    public static Task RefuseAsync(HttpContext context, int status, string title, string detail) =>
        TypedResults.Problem(new ProblemDetails { Status = status, Title = title, Detail = detail }).ExecuteAsync(context);
}
