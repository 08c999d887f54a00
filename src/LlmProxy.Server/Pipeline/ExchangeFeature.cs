using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>What the pipeline knows of one completion call; one for a request, on <see cref="HttpContext.Features"/>.</summary>
internal sealed class ExchangeFeature
{
    /// <summary>The call's wire format.</summary>
    public required IDialect Dialect { get; init; }

    /// <summary>Whose call it is.</summary>
    public required string Tenant { get; init; }

    /// <summary>The request, read.</summary>
    public required RequestReading Reading { get; init; }

    /// <summary>Makes correlation keys for this call.</summary>
    public required TurnKeys Keys { get; init; }

    /// <summary>Whose model answers.</summary>
    public required string Provider { get; init; }

    /// <summary>The agent's system prompt.</summary>
    public required SystemPrompt SystemPrompt { get; init; }

    /// <summary>The client's rules.</summary>
    public required TaskRules Rules { get; init; }

    /// <summary>Where the call belongs; null where that could not be told.</summary>
    public CallPlace? Place { get; set; }

    /// <summary>Arm of the experiment, or null.</summary>
    public string? Arm { get; set; }

    /// <summary>Hash of the template set that the prompt was rendered with, or null.</summary>
    public string? TemplateSet { get; set; }

    /// <summary>What became of examples, for the answer's header; null where none were looked for.</summary>
    public string? FewShotResult { get; set; }

    /// <summary>Examples in the prompt that is sent.</summary>
    public IReadOnlyList<string> ExampleIds { get; set; } = [];

    /// <summary>Its record in the spool, or null where it is not recorded.</summary>
    public SpooledExchange? Record { get; set; }

    /// <summary>When the request came, by the monotonic clock.</summary>
    public required long StartedTimestamp { get; init; }
}
