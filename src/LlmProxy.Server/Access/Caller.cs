namespace LlmProxy.Server.Access;

/// <summary>The caller of a request: set by the key check, or the default tenant of a proxy without keys.</summary>
/// <param name="Tenant">The tenant whose trajectories the caller can access.</param>
/// <param name="KeyName">Name of the key, or null without keys.</param>
/// <param name="IsAdmin">Whether the key allows access to <c>/_llmproxy</c>.</param>
internal sealed record Caller(string Tenant, string? KeyName, bool IsAdmin)
{
    /// <summary>The tenant of a proxy without keys.</summary>
    public const string DefaultTenant = "default";

    /// <summary>The caller if no keys are configured.</summary>
    public static Caller Anonymous { get; } = new(DefaultTenant, null, IsAdmin: true);
}

/// <summary>Access to the caller of a request.</summary>
internal static class CallerExtensions
{
    /// <summary>The caller of a request.</summary>
    public static Caller GetCaller(this HttpContext context) => context.Features.Get<Caller>() ?? Caller.Anonymous;

    /// <summary>Who asks, for the audit: the name of the key, or <c>local</c> without keys.</summary>
    public static string GetActor(this HttpContext context) => context.GetCaller().KeyName ?? "local";

    /// <summary>The tenant of the caller.</summary>
    public static string GetTenant(this HttpContext context) => context.GetCaller().Tenant;
}
