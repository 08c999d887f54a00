namespace LlmProxy.TrainingData;

/// <summary>Formats of training files.</summary>
public enum ExportFormat
{
    /// <summary>OpenAI's supervised chat format; also Azure's, Together's and Fireworks'.</summary>
    OpenAi,

    /// <summary>Supervised tuning of Gemini on Google's agent platform (Vertex AI).</summary>
    Gemini,

    /// <summary>Requests with their responses in the form of Anthropic's Messages API: an archive, and what <c>import</c> reads.</summary>
    Anthropic,

    /// <summary>OpenAI's preference format.</summary>
    OpenAiDpo,

    /// <summary>Preference tuning of Gemini.</summary>
    GeminiDpo,

    /// <summary>Conversations for TRL, and for Axolotl's <c>chat_template</c>.</summary>
    Trl,

    /// <summary>Preferences for TRL.</summary>
    TrlDpo,

    /// <summary>The ShareGPT form.</summary>
    ShareGpt,
}

/// <summary>What the consumers of a format take at most, and at least. Null: no limit is known.</summary>
/// <param name="MinLines">Examples that a training file must have.</param>
/// <param name="MaxLines">Examples that a file may have.</param>
/// <param name="MaxTokens">Tokens of one example.</param>
/// <param name="MaxBytes">Bytes of a file.</param>
/// <param name="MaxImages">Images of one example.</param>
/// <param name="MaxImageBytes">Bytes of one image.</param>
/// <param name="MaxLinesWithImages">Examples with images in a file.</param>
/// <param name="Source">The consumer whose limits they are.</param>
public sealed record FormatLimits(
    int? MinLines, long? MaxLines, int? MaxTokens, long? MaxBytes, int? MaxImages, long? MaxImageBytes, long? MaxLinesWithImages, string Source)
{
    /// <summary>Most lines of a validation file.</summary>
    public long? MaxValidationLines { get; init; }

    /// <summary>A validation file of more lines than this may be no larger than <see cref="MaxValidationShare"/> of the training file.</summary>
    public long SmallValidationLines { get; init; }

    /// <summary>Most lines of a validation file by lines of its training file; null for any.</summary>
    public double? MaxValidationShare { get; init; }
}

/// <summary>Names and limits of the formats.</summary>
public static class ExportFormats
{
    private static readonly (ExportFormat Format, string Name)[] Table =
    [
        (ExportFormat.OpenAi, "openai"),
        (ExportFormat.Gemini, "gemini"),
        (ExportFormat.Anthropic, "anthropic"),
        (ExportFormat.OpenAiDpo, "openai-dpo"),
        (ExportFormat.GeminiDpo, "gemini-dpo"),
        (ExportFormat.Trl, "trl"),
        (ExportFormat.TrlDpo, "trl-dpo"),
        (ExportFormat.ShareGpt, "sharegpt"),
    ];

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(t => t.Name)];

    /// <summary>The format of a name, or null.</summary>
    public static ExportFormat? Parse(string? name) =>
        Array.FindIndex(Table, t => string.Equals(t.Name, name, StringComparison.OrdinalIgnoreCase)) is >= 0 and var at ? Table[at].Format : null;

    /// <summary>The name of a format.</summary>
    public static string Name(this ExportFormat format) => Array.Find(Table, t => t.Format == format).Name;

    /// <summary>Whether its lines compare two runs.</summary>
    public static bool IsPreference(this ExportFormat format) => format is ExportFormat.OpenAiDpo or ExportFormat.GeminiDpo or ExportFormat.TrlDpo;

    /// <summary>
    /// What its consumers take. OpenAI: the fine-tuning guides and the token table of Azure's; Gemini: "Supervised tuning"
    /// and "Preference tuning" of Google's agent platform.
    /// </summary>
    public static FormatLimits Limits(this ExportFormat format) => format switch
    {
        ExportFormat.OpenAi => new(10, null, 65_536, 512L << 20, 10, 10L << 20, 50_000, "OpenAI"),
        ExportFormat.OpenAiDpo => new(10, null, 65_536, 512L << 20, 0, null, null, "OpenAI"),
        ExportFormat.Gemini => new(null, 10_000_000, 131_072, 1L << 30, 30, 20L << 20, 300_000, "Gemini") { MaxValidationLines = 5_000, SmallValidationLines = 1_000, MaxValidationShare = 0.3 },
        ExportFormat.GeminiDpo => new(null, 10_000_000, 131_072, 1L << 30, 0, null, null, "Gemini"),
        _ => new(null, null, null, null, null, null, null, ""),
    };
}
