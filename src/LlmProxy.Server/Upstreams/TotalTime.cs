namespace LlmProxy.Server.Upstreams;

/// <summary>The time limit of a whole call, on <see cref="HttpContext.Features"/> if one is set.</summary>
/// <param name="Timeout">The limit.</param>
/// <param name="Token">Cancelled when it has passed.</param>
internal sealed record TotalTime(TimeSpan Timeout, CancellationToken Token)
{
    /// <summary>Whether the limit of a call has passed.</summary>
    public static bool IsOver(HttpContext context) => context.Features.Get<TotalTime>()?.Token.IsCancellationRequested == true;

    /// <summary>The error for the client.</summary>
    public static string Message(string cluster, TimeSpan timeout) =>
        $"LlmProxy: timeout of the call to upstream '{cluster}' after {timeout:c}. If it needs longer, raise LlmProxy:Upstreams:{cluster}:TotalTimeout.";
}
