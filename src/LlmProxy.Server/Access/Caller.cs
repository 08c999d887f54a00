namespace LlmProxy.Server.Access;

/// <summary>Who calls: set by the key check, or the one tenant of a proxy without keys.</summary>
/// <param name="Tenant">Whose runs the caller sees.</param>
/// <param name="KeyName">Name of the key, or null where there are no keys.</param>
/// <param name="IsAdmin">Whether the key opens <c>/_llmproxy</c>.</param>
internal sealed record Caller(string Tenant, string? KeyName, bool IsAdmin)
{
    /// <summary>The tenant of a proxy without keys.</summary>
    public const string DefaultTenant = "default";

    /// <summary>The caller where no keys are configured.</summary>
    public static Caller Anybody { get; } = new(DefaultTenant, null, IsAdmin: true);
}

/// <summary>Access to the caller of a request.</summary>
internal static class CallerExtensions
{
    /// <summary>The caller.</summary>
    public static Caller GetCaller(this HttpContext context) => context.Features.Get<Caller>() ?? Caller.Anybody;

    /// <summary>Whose runs the caller sees.</summary>
    public static string GetTenant(this HttpContext context) => context.GetCaller().Tenant;
}
