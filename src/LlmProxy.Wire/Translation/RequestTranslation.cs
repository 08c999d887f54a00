namespace LlmProxy.Wire.Translation;

/// <summary>A request in the dialect of its target, or the reason why it cannot be carried there.</summary>
public sealed class RequestTranslation
{
    private readonly ReplyPlan? _plan;

    internal RequestTranslation(string refusal, IReadOnlyList<TranslationLoss> losses)
    {
        Refusal = refusal;
        Losses = losses;
        Path = "";
    }

    internal RequestTranslation(ReadOnlyMemory<byte> body, string path, ReplyPlan plan, IReadOnlyList<TranslationLoss> losses)
    {
        Body = body;
        Path = path;
        Losses = losses;
        _plan = plan;
    }

    /// <summary>Whether the request must not be sent.</summary>
    public bool IsRefused => Refusal is not null;

    /// <summary>Why it must not be sent: a sentence that names the thing and the fix; null if it may be sent.</summary>
    public string? Refusal { get; }

    /// <summary>The request's body for the target; empty if it is refused.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The path below the target's base address, with its query: <c>/v1/messages</c>, <c>/v1beta/models/M:generateContent</c>; empty if the request is refused.</summary>
    public string Path { get; }

    /// <summary>Whether the client asked for a stream.</summary>
    public bool IsStream => _plan?.IsStream == true;

    /// <summary>What was not carried.</summary>
    public IReadOnlyList<TranslationLoss> Losses { get; }

    /// <summary>Begins the translation of the target's reply into the client's dialect.</summary>
    /// <param name="upstreamStatus">The status of the target's response.</param>
    /// <param name="contentType">The content type of the target's response, or null; the first byte of the body decides, since servers state it wrongly.</param>
    public ReplyTranslation CreateReply(int upstreamStatus, string? contentType) =>
        new(_plan ?? throw new InvalidOperationException("A refused request has no reply."), upstreamStatus);
}
