namespace LlmProxy.Wire.Translation;

/// <summary>What a reply's translation must know of its request.</summary>
internal sealed record ReplyPlan
{
    /// <summary>The client's dialect.</summary>
    public required DialectKind Source { get; init; }

    /// <summary>The target's dialect.</summary>
    public required DialectKind Target { get; init; }

    /// <summary>The model that the target was asked for.</summary>
    public required string Model { get; init; }

    public bool IsStream { get; init; }

    /// <summary>Whether a Gemini client gets an array instead of events.</summary>
    public bool IsArray { get; init; }

    /// <summary>Whether a Chat client asked for a chunk with the usage.</summary>
    public bool IncludesUsage { get; init; }

    /// <summary>The client's tools, by the names that the target knows.</summary>
    public IReadOnlyDictionary<string, ToolName> Tools { get; init; } = new Dictionary<string, ToolName>();

    /// <summary>Distinguishes ids that are made for this reply.</summary>
    public string Nonce { get; init; } = "";

    /// <summary>Seconds since 1970.</summary>
    public long Now { get; init; }
}

/// <summary>A tool of the client.</summary>
/// <param name="Name">Its name as the client knows it.</param>
/// <param name="Namespace">The namespace that holds it (Responses), or null.</param>
/// <param name="IsFreeText">Whether the client takes free text as its input.</param>
internal sealed record ToolName(string Name, string? Namespace, bool IsFreeText);
