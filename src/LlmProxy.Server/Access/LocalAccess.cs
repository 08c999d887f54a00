using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Access;

/// <summary>What the machine's users may do without keys: read and report outcomes; everything else needs the local token.</summary>
/// <param name="token">The token, or null if keys are configured.</param>
/// <param name="scope">Which requests need it.</param>
internal sealed class LocalAccess(LocalToken? token, LocalTokenScope scope)
{
    /// <summary>The file that holds the token, or null if keys are configured.</summary>
    public string? TokenFile => token?.File;

    /// <summary>Whether reading needs the token, too.</summary>
    public bool CoversReading => token is not null && scope == LocalTokenScope.All;

    /// <summary>Why a request is refused; null if it is not.</summary>
    public string? WhyRefused(HttpContext context)
    {
        if (token is null || !ApiGuard.Guards(context.Request) || !NeedsToken(context))
        {
            return null;
        }

        var presented = context.Request.Headers[ProxyHeaders.Token].ToString();
        return presented.Length > 0 && token.Matches(presented) ? null
            : $"{(presented.Length > 0 ? $"Invalid token in header {ProxyHeaders.Token}." : scope == LocalTokenScope.All ? "The API needs the local token." : "Changing and deleting needs the local token.")} Send the content of {token.File} in header {ProxyHeaders.Token}.";
    }

    private bool NeedsToken(HttpContext context) =>
        scope == LocalTokenScope.All
        || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method) || HttpMethods.IsOptions(context.Request.Method)
            || context.GetEndpoint()?.Metadata.GetMetadata<NoLocalTokenNeeded>() is not null);
}

/// <summary>Marks an endpoint that needs no local token though it is not a GET: it reads, or reports an outcome.</summary>
internal sealed class NoLocalTokenNeeded;

/// <summary>Marks an endpoint that checks its callers itself: a page, whose visitors have a cookie in place of a header.</summary>
internal sealed class ChecksItsCallers;

/// <summary>Marks an endpoint that every key may use within its tenant: it reports what became of a task.</summary>
internal sealed class OpenToEveryKey;

/// <summary>Marks endpoints.</summary>
internal static class LocalAccessExtensions
{
    /// <summary>Opens an endpoint to all users of the machine, if no keys are configured.</summary>
    public static TBuilder OpenToLocalUsers<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new NoLocalTokenNeeded());

    /// <summary>Opens an endpoint to all users of the machine, and to every key within its tenant.</summary>
    public static TBuilder OpenToCallers<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.OpenToLocalUsers().WithMetadata(new OpenToEveryKey());
}
