namespace LlmProxy.TrainingData;

/// <summary>What to export.</summary>
/// <param name="Tenant">The tenant that owns the runs.</param>
/// <param name="Format">The format.</param>
public sealed record ExportRequest(string Tenant, ExportFormat Format)
{
    /// <summary>The lowest score of a run, 0 to 1. Runs that did not succeed have no score; <see cref="SuccessOnly"/> is about them.</summary>
    public double MinQuality { get; init; } = 0.7;

    /// <summary>Only runs that succeeded. In preference formats this is about the better run alone.</summary>
    public bool SuccessOnly { get; init; } = true;

    /// <summary>Also those whose success is inferred and has a score; only if <see cref="SuccessOnly"/>.</summary>
    public bool IncludeInferred { get; init; }

    /// <summary>Only outcomes of these sources; empty for all that are stated, judged or claimed.</summary>
    public IReadOnlyList<Core.Trajectories.OutcomeSource> Outcomes { get; init; } = [];

    /// <summary>The most runs (pairs in preference formats), the newest first; null for all.</summary>
    public int? Limit { get; init; }

    /// <summary>Only runs of this provider; null for all that the settings allow.</summary>
    public string? ModelProvider { get; init; }

    /// <summary>Only runs that ended at or after.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Share of the runs for the validation file, 0 to 0.5; runs of one task or conversation are on one side.</summary>
    public double Split { get; init; }

    /// <summary>Images that an example keeps, the last ones; null for the format's own limit (none for TRL, where each line would need a column of files).</summary>
    public int? MaxImages { get; init; }

    /// <summary>Remove secrets once more, by the patterns of today's settings.</summary>
    public bool Redact { get; init; }

    /// <summary>Where the consumer will find the image files, such as <c>gs://bucket/images</c>; Gemini takes images by address alone.</summary>
    public string? ImageUri { get; init; }

    /// <summary>Whether image files can be kept next to the training file. Where not, images that a format names by file are replaced by a mark.</summary>
    public bool KeepsImageFiles { get; init; }

    /// <summary>
    /// Whether ShareGPT lines keep what the conversation held before the run, with <c>"train": false</c> for its replies
    /// (Axolotl, <c>message_field_training: train</c>). Without it a line begins with the run's own first message.
    /// </summary>
    public bool TurnMasks { get; init; }

    /// <summary>Whether a line that says nearly the same as an earlier one is left out, and counted.</summary>
    public bool LeaveOutDuplicates { get; init; }

    /// <summary>Runs that are left out, by id: those of an evaluation set.</summary>
    public IReadOnlySet<string> Exclude { get; init; } = System.Collections.Frozen.FrozenSet<string>.Empty;
}
