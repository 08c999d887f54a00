namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Why a model stopped, in no dialect.</summary>
internal enum StopKind
{
    /// <summary>Of its own accord.</summary>
    EndTurn,

    /// <summary>For results of tools.</summary>
    ToolUse,

    /// <summary>At a stop sequence.</summary>
    StopSequence,

    /// <summary>At the output limit.</summary>
    MaxTokens,

    /// <summary>At the end of its context.</summary>
    ContextWindow,

    /// <summary>It refused.</summary>
    Refusal,

    /// <summary>A filter stopped it.</summary>
    Filter,
}

/// <summary>The end of a reply.</summary>
/// <param name="Stop">Why it stopped.</param>
/// <param name="Usage">Its tokens, or null if the target states none.</param>
internal sealed record ReplyEnd(StopKind Stop, TokenUsage? Usage)
{
    public string? StopSequence { get; init; }

    /// <summary>Words of a refusal that are not part of the reply's text.</summary>
    public string? Explanation { get; init; }
}

/// <summary>Takes a reply piece by piece, in the order in which a client gets it: one text, refusal or call at a time.</summary>
internal interface IReplySink
{
    void Begin(string? id, string model);

    void Text(string delta);

    void Refusal(string delta);

    void BeginCall(string id, ToolName tool, string? signature);

    void Arguments(string delta);

    void EndCall();

    void End(ReplyEnd end);

    void Error(int status, string message);
}
