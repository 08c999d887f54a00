namespace LlmProxy.TrainingData.Conversations;

/// <summary>One piece of a turn, whatever wire format it came in.</summary>
internal abstract record Part
{
    /// <summary>The block as Anthropic's Messages API had it; empty where it came in another dialect or has no block of its own.</summary>
    public ReadOnlyMemory<byte> AnthropicBlock { get; init; }
}

/// <summary>Text.</summary>
internal sealed record TextPart(string Text) : Part;

/// <summary>An image.</summary>
internal sealed record ImagePart(ImageSource Image) : Part;

/// <summary>A tool call.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">A JSON object as text.</param>
internal sealed record CallPart(string Id, string Name, string Arguments) : Part;

/// <summary>A tool's result.</summary>
/// <param name="CallId">Id of the call; in Gemini's dialect the tool's name.</param>
/// <param name="Name">The tool, where it is known.</param>
/// <param name="Text">Its text, with the mark <c>[image]</c> where an image stood.</param>
/// <param name="Images">Its images.</param>
/// <param name="IsError">Whether it is an error.</param>
internal sealed record ResultPart(string CallId, string Name, string Text, IReadOnlyList<ImageSource> Images, bool IsError) : Part;

/// <summary>A block of one provider's own. <paramref name="Mark"/> stands for it elsewhere; null: nothing does.</summary>
internal sealed record OtherPart(string? Mark) : Part;

/// <summary>Where an image is.</summary>
/// <param name="MediaType">Such as <c>image/png</c>, or null.</param>
/// <param name="Base64">Its bytes, or null.</param>
/// <param name="Url">Its address, or null.</param>
internal sealed record ImageSource(string? MediaType, string? Base64, string? Url)
{
    /// <summary>What stands where an image was.</summary>
    public const string Mark = "[image]";

    /// <summary>Reads an address, which may be a data URL.</summary>
    public static ImageSource OfUrl(string url)
    {
        const string Data = "data:";
        const string Base64Mark = ";base64,";
        var at = url.StartsWith(Data, StringComparison.OrdinalIgnoreCase) ? url.IndexOf(Base64Mark, StringComparison.OrdinalIgnoreCase) : -1;
        return at < 0 ? new ImageSource(null, null, url) : new ImageSource(url[Data.Length..at].Split(';')[0], url[(at + Base64Mark.Length)..], null);
    }

    /// <summary>The size of the image itself; 0 where it is not here.</summary>
    public long ByteCount => Base64 is null ? 0 : Base64.Length * 3L / 4;
}

/// <summary>One message of a conversation.</summary>
internal sealed class Turn
{
    /// <summary>Whether it is the model's.</summary>
    public required bool IsAssistant { get; init; }

    /// <summary>An assistant turn that no recorded answer produced.</summary>
    public bool IsForeign { get; init; }

    /// <summary>Whether it is to be learned from: a reply that no earlier line held.</summary>
    public bool IsTrained { get; init; }

    /// <summary>Number of the step whose reply it is; 0 for everything else.</summary>
    public int Step { get; init; }

    /// <summary>When the step's request came.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Its parts.</summary>
    public List<Part> Parts { get; init; } = [];

    /// <summary>Its texts: an assistant's follow each other, others are joined by line ends.</summary>
    public string Text => string.Join(IsAssistant ? "" : "\n", Parts.Select(p => p is TextPart t ? t.Text : p is OtherPart { Mark: { } mark } ? mark : "").Where(t => t.Length > 0));

    /// <summary>Its calls.</summary>
    public IEnumerable<CallPart> Calls => Parts.OfType<CallPart>();
}

/// <summary>A tool that was offered.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">Its description, or empty.</param>
/// <param name="Schema">Its JSON schema, or null.</param>
/// <param name="AnthropicJson">The definition as Anthropic's API had it, or empty.</param>
internal sealed record OfferedTool(string Name, string Description, string? Schema, ReadOnlyMemory<byte> AnthropicJson);

/// <summary>A conversation in the order in which every format can say it.</summary>
internal sealed class Conversation
{
    /// <summary>The agent's own system prompt, or null.</summary>
    public string? System { get; init; }

    /// <summary>The model that gave the replies.</summary>
    public string Model { get; init; } = "";

    /// <summary>Models that gave replies.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Tools that were offered or called.</summary>
    public IReadOnlyList<OfferedTool> Tools { get; init; } = [];

    /// <summary>
    /// The turns. The first is the client's, the last a reply to learn from. Results follow the turn that calls, each
    /// call answered once and in order, and stand before everything else of the client's.
    /// </summary>
    public List<Turn> Turns { get; init; } = [];
}
