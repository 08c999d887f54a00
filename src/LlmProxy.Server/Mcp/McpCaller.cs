using LlmProxy.Server.Access;

namespace LlmProxy.Server.Mcp;

/// <summary>The caller of the MCP request that is being handled.</summary>
internal sealed class McpCaller
{
    private Caller? _caller;

    /// <summary>Tenant of the caller's key.</summary>
    public string Tenant => Known.Tenant;

    /// <summary>Name of the caller's key, or null without keys.</summary>
    public string? KeyName => Known.KeyName;

    // A request without one would read another tenant's runs.
    private Caller Known => _caller ?? throw new InvalidOperationException("The MCP request has no caller.");

    /// <summary>Takes the caller that the key check found.</summary>
    public void Take(HttpContext context) => _caller = context.GetCaller();
}
