namespace LlmProxy.Core.Trajectories;

/// <summary>What a correlation key leads to.</summary>
/// <param name="Key">The key.</param>
/// <param name="Kind">What it is the key of.</param>
/// <param name="TaskId">The task.</param>
/// <param name="StepIndex">The step whose response made the key.</param>
/// <param name="At">The time.</param>
public sealed record CorrelationEntry(TurnKey Key, CorrelationKind Kind, string TaskId, int StepIndex, DateTimeOffset At);

/// <summary>Kinds of correlation keys.</summary>
public enum CorrelationKind
{
    /// <summary>A chain of messages that ends in a recorded response.</summary>
    Chain,
    /// <summary>The chain of a request's own messages, without its response.</summary>
    Request,
    /// <summary>A tool-call id of a recorded response.</summary>
    ToolCall,
    /// <summary>A response's id.</summary>
    Response,
    /// <summary>A conversation or thread that the server keeps.</summary>
    ServerConversation,
    /// <summary>A single assistant turn, at any place.</summary>
    Turn,
}
