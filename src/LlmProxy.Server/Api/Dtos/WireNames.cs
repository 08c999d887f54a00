using LlmProxy.Core.Trajectories;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Names of enumerated values as the API writes them.</summary>
internal static class WireNames
{
    /// <summary>The statuses, in the order of the enumeration.</summary>
    public static IReadOnlyList<string> Statuses { get; } = [.. Enum.GetValues<TrajectoryStatus>().Select(Of)];

    public static string Of(TrajectoryStatus status) => status switch
    {
        TrajectoryStatus.Active => "active",
        TrajectoryStatus.Completed => "completed",
        TrajectoryStatus.Failed => "failed",
        TrajectoryStatus.NeedsHelp => "needs_help",
        TrajectoryStatus.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    public static string Of(OutcomeSource source) => source switch
    {
        OutcomeSource.Api => "api",
        OutcomeSource.Tool => "tool",
        OutcomeSource.Idle => "idle",
        OutcomeSource.Error => "error",
        _ => throw new ArgumentOutOfRangeException(nameof(source), source, null),
    };

    public static TrajectoryStatus? Status(string name)
    {
        foreach (var status in Enum.GetValues<TrajectoryStatus>())
        {
            if (string.Equals(Of(status), name, StringComparison.OrdinalIgnoreCase))
            {
                return status;
            }
        }

        return null;
    }
}
