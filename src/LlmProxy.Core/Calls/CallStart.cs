namespace LlmProxy.Core.Calls;

/// <summary>A completion call as its caller knows it, before anything of it was read.</summary>
/// <param name="Tenant">The tenant that the call belongs to.</param>
/// <param name="Dialect">The call's wire format.</param>
internal sealed record CallStart(string Tenant, IDialect Dialect)
{
    /// <summary>Name of the key that the call came with, or null without keys.</summary>
    public string? KeyName { get; init; }

    /// <summary>The request's body as it was sent; null if it exceeds a limit and is forwarded as a stream.</summary>
    public required ReadOnlyMemory<byte>? Body { get; init; }

    /// <summary>The body's Content-Encoding, or empty.</summary>
    public string ContentEncoding { get; init; } = "";

    /// <summary>The request's path without its query. Gemini names the model and the stream there.</summary>
    public required string Path { get; init; }

    /// <summary>The query with its question mark, or empty. Gemini names the framing of a stream there.</summary>
    public string Query { get; init; } = "";

    /// <summary>The provider to assume if the model's name does not decide; null for <c>proxy</c>.</summary>
    public string? Provider { get; init; }

    /// <summary>Reads a header of the client, or null. Presets and sessions are recognised by headers.</summary>
    public Func<string, string?> Header { get; init; } = static _ => null;

    /// <summary>Marks of the client's headers: they decide between tasks with byte-identical histories.</summary>
    public HeaderMarks Headers { get; init; }

    /// <summary>The client's rules; null to recognise them by headers and system prompt.</summary>
    public TaskRules? Rules { get; init; }

    /// <summary>The task that the caller names; null to find it by the history.</summary>
    public string? TaskId { get; init; }

    /// <summary>The task's description; null to take it from the user's message.</summary>
    public string? Description { get; init; }

    /// <summary>The client's session; null to take it from the headers or the body.</summary>
    public string? SessionId { get; init; }

    /// <summary>How often the client's SDK says it has sent this call before.</summary>
    public int RetryCount { get; init; }

    /// <summary>The caller's value for <c>LlmProxy-Few-Shot</c>: <c>off</c>, a count, or null.</summary>
    public string? FewShot { get; init; }

    /// <summary>The caller's value for <c>LlmProxy-Record</c>: <c>off</c>, or null.</summary>
    public string? RecordHeader { get; init; }

    /// <summary>Decides where the call goes; null for the upstream of its address.</summary>
    public ChooseRoute? ChooseRoute { get; init; }

    /// <summary>Whether the prompt may be rewritten. False for calls that are already over.</summary>
    public bool MayEnhance { get; init; } = true;

    /// <summary>Whether a system prompt may be added if the request has none. False for a call that continues a history on the server: its prompt is in that history.</summary>
    public bool MayInsertPrompt { get; init; } = true;

    /// <summary>The response that the call continues, where the transport knows better than the request; null for what the request says.</summary>
    public ContinuedResponse? Continues { get; init; }

    /// <summary>The client's user agent or the application's name.</summary>
    public string Client { get; init; } = "";

    /// <summary>When the call arrived, by the pipeline's monotonic clock (<see cref="CallPipeline.Timestamp"/>).</summary>
    public required long ArrivedTimestamp { get; init; }

    /// <summary>When the call began, if that was earlier than its arrival here.</summary>
    public DateTimeOffset? StartedAt { get; init; }
}

/// <summary>What a call continues on the server.</summary>
/// <param name="Id">Id of the response; null if the call begins a history.</param>
internal sealed record ContinuedResponse(string? Id);
