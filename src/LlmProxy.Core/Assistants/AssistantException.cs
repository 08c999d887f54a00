namespace LlmProxy.Core.Assistants;

/// <summary>Why a model gave no answer.</summary>
internal enum AssistantFailure
{
    /// <summary>The day's budget does not have the upper estimate of the call.</summary>
    OverBudget,
    /// <summary>No price fits the model, so no budget can hold it.</summary>
    UnknownPrice,
    /// <summary>No answer in time.</summary>
    Timeout,
    /// <summary>The model's server failed or refused the call.</summary>
    Unavailable,
}

/// <summary>A model gave no answer. Callers continue without it.</summary>
internal sealed class AssistantException(AssistantFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Why.</summary>
    public AssistantFailure Failure { get; } = failure;
}
