using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>Everything that a store holds of one run, to be put into another store.</summary>
/// <param name="Change">The run with its steps, content, exchanges, keys and vectors.</param>
/// <param name="Example">Its row of <c>few_shot_example</c>, or null.</param>
internal sealed record TrajectoryCopy(TrajectoryChange Change, ExampleRow? Example)
{
    /// <summary>Bytes of its content, uncompressed.</summary>
    public long ContentBytes => Change.Contents.Sum(c => (long)c.Bytes.Length);
}

/// <summary>A row of <c>few_shot_example</c> as stored.</summary>
internal sealed record ExampleRow(string? TaskDescription, bool Pinned, bool Retired, string? EditedJson, long UsageCount, DateTimeOffset? LastUsedAt, long StatedSuccesses, long StatedFailures);

/// <summary>A run of a page, by its row.</summary>
internal sealed record TrajectoryRow(long Row, Trajectory Run);
