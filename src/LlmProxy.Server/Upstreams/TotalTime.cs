namespace LlmProxy.Server.Upstreams;

/// <summary>The time limit of a whole call, on <see cref="HttpContext.Features"/> where there is one.</summary>
/// <param name="Timeout">The limit.</param>
/// <param name="Token">Cancelled when it has passed.</param>
internal sealed record TotalTime(TimeSpan Timeout, CancellationToken Token)
{
    /// <summary>Whether a call's time is over.</summary>
    public static bool IsOver(HttpContext context) => context.Features.Get<TotalTime>()?.Token.IsCancellationRequested == true;

    /// <summary>What the client is told.</summary>
    public static string Message(string cluster, TimeSpan timeout) =>
        $"LlmProxy: the call to '{cluster}' was not over within {timeout:c}. Raise LlmProxy:Upstreams:{cluster}:TotalTimeout if it needs longer.";
}
