namespace LlmProxy.Wire.Replies;

/// <summary>Writes one reply.</summary>
internal abstract class ReplyWriter
{
    /// <summary>The reply as one object.</summary>
    public abstract byte[] Whole();

    /// <summary>The reply as a stream; one that is not complete lacks its end.</summary>
    public abstract IReadOnlyList<ReplyEvent> Events();
}
