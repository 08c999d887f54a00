using System.Numerics.Tensors;
using LlmProxy.Core.Experiments;

namespace LlmProxy.Core.Retrieval;

/// <summary>A run that may become an example.</summary>
/// <param name="Run">The run.</param>
/// <param name="Similarity">Cosine to the task at hand.</param>
/// <param name="Score">How relevant it is: from the search the sum of its reciprocal ranks, from <see cref="Relevance"/> on about 0 to 1.</param>
/// <param name="FitsTools">Whether the request offers at least half of the tools that made the run.</param>
internal sealed record Candidate(Trajectory Run, double Similarity, double Score, bool FitsTools)
{
    /// <summary>What a person made of it, or null.</summary>
    public FewShotExampleRow? Curated { get; init; }

    /// <summary>Lexical cosine to the task at hand if <see cref="Similarity"/> is another embedder's, else 0.</summary>
    public double LexicalSimilarity { get; init; }

    /// <summary>How near its task is: the cosine, or two embedders' together.</summary>
    public double Nearness { get; init; } = Similarity;

    /// <summary>Lexical cosine of the task at hand to what the run turned out to be about, 0 where that is not known.</summary>
    public double SubjectSimilarity { get; init; }

    /// <summary>Why it ranks lower with time.</summary>
    public IReadOnlyList<ExampleAgeing> Ageing { get; init; } = [];

    /// <summary>From -1 to 1: what experiments say of it as an example.</summary>
    public double Lean { get; init; }

    /// <summary>Whether a person wants it before others.</summary>
    public bool IsPinned => Curated is { Pinned: true };

    /// <summary>The score, times the probability where the outcome is inferred.</summary>
    public double Worth => (Run.QualityScore ?? 0) * (Run.Success is null ? Run.SuccessProbability ?? 0 : 1);

    // Made when it is first compared: most candidates never are.
    private float[]? _vector;

    /// <summary>Cosine of the two tasks' lexical vectors.</summary>
    public double Likeness(Candidate other) => TensorPrimitives.Dot<float>(Vector(), other.Vector());

    /// <summary>Whether both are the same task, or at least so alike.</summary>
    public bool IsLike(Candidate other, float least) =>
        string.Equals(Run.TaskDescription, other.Run.TaskDescription, StringComparison.OrdinalIgnoreCase) || Likeness(other) >= least;

    /// <summary>Which of two runs of one task teaches: fitting tools, a pin, not being out of date, how far its outcome can be trusted, the score, fewer steps, the newer one.</summary>
    public bool IsBetterThan(Candidate other)
    {
        var mine = (FitsTools ? 1 : 0, IsPinned ? 1 : 0, -Ageing.Count, Run.OutcomeRank, Worth, -Run.IterationCount, Run.StartedAt.UtcTicks);
        var theirs = (other.FitsTools ? 1 : 0, other.IsPinned ? 1 : 0, -other.Ageing.Count, other.Run.OutcomeRank, other.Worth, -other.Run.IterationCount, other.Run.StartedAt.UtcTicks);
        return mine.CompareTo(theirs) > 0;
    }

    private float[] Vector() => _vector ??= LexicalEmbedder.Embed(Run.TaskDescription);
}
