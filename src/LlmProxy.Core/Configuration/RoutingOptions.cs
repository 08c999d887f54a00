namespace LlmProxy.Core.Configuration;

/// <summary>Settings <c>LlmProxy:Routing</c>: where completion calls go instead of the upstream of their address.</summary>
public sealed class RoutingOptions
{
    /// <summary>Rules by the request; the first that matches applies. A call that no rule matches goes to the upstream of its address.</summary>
    public IReadOnlyList<RoutingRule> Rules { get; init; } = [];

    /// <summary>Where a task goes on when an upstream fails before the first byte of a response. The task stays there.</summary>
    public IReadOnlyList<RoutingFallback> Fallbacks { get; init; } = [];
}

/// <summary>A rule of <c>Routing:Rules</c>.</summary>
public sealed class RoutingRule
{
    /// <summary>What a request must be; all that is given has to match. Empty: every request.</summary>
    public RoutingMatch Match { get; init; } = new();

    /// <summary>Where it goes.</summary>
    public RoutingTarget To { get; init; } = new();
}

/// <summary>The conditions of a rule.</summary>
public sealed class RoutingMatch
{
    /// <summary>The requested model; <c>*</c> stands for any characters. Null: any.</summary>
    public string? Model { get; init; }

    /// <summary>The client as <c>Tasks:Preset</c> names it: <c>claude-code</c>, <c>codex</c>, <c>opencode</c>, <c>gemini-cli</c>, <c>bytebot</c>, <c>generic</c>. Null: any.</summary>
    public string? Client { get; init; }

    /// <summary>The tenant. Null: any.</summary>
    public string? Tenant { get; init; }

    /// <summary>A header of the request as <c>Name: value</c>; <c>*</c> stands for any characters of the value. Null: any.</summary>
    [Setting(Pattern = "^[^\\s:]+\\s*:\\s*.+$", Fix = "write Name: value, such as X-Team: research.")] public string? Header { get; init; }
}

/// <summary>Where a call goes.</summary>
public sealed class RoutingTarget
{
    /// <summary>The cluster of <c>ReverseProxy:Clusters</c>.</summary>
    [Setting(Required = "write the id of a cluster of ReverseProxy:Clusters, such as openai.")] public string Cluster { get; init; } = "";

    /// <summary>The dialect that the cluster speaks: <c>anthropic-messages</c>, <c>openai-chat</c>, <c>openai-responses</c> or <c>gemini</c>. Null: the first of the cluster's metadata <c>LlmProxy.Dialects</c>, else that of its provider.</summary>
    [Setting(Pattern = "^(anthropic-messages|openai-chat|openai-responses|gemini)$", Fix = "write anthropic-messages, openai-chat, openai-responses or gemini.")] public string? Dialect { get; init; }

    /// <summary>The model to ask for. Null: the requested one.</summary>
    public string? Model { get; init; }
}

/// <summary>A fallback of <c>Routing:Fallbacks</c>.</summary>
public sealed class RoutingFallback
{
    /// <summary>The cluster whose failures it is for.</summary>
    [Setting(Required = "write the id of a cluster of ReverseProxy:Clusters, such as anthropic.")] public string Cluster { get; init; } = "";

    /// <summary>The failures: HTTP statuses, and <c>connect</c> for an upstream that cannot be reached or does not respond in time.</summary>
    [Setting(Pattern = "^(connect|[45][0-9][0-9])$", Fix = "write statuses from 400 to 599, and connect, such as 429, 529, 500, connect.")] public IReadOnlyList<string> On { get; init; } = ["429", "500", "502", "503", "529", "connect"];

    /// <summary>Where its calls go then.</summary>
    public RoutingTarget To { get; init; } = new();
}
