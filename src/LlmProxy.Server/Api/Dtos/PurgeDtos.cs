using LlmProxy.Core.Stores;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Selects the trajectories to purge; all conditions hold together, and at least one is required.</summary>
/// <param name="Key">Name of a key that took part in them.</param>
/// <param name="Since">They started at or after this time.</param>
/// <param name="Contains">They hold this text.</param>
/// <param name="DryRun">Only counts them.</param>
/// <param name="Cursor">Cursor of the previous response.</param>
public sealed record PurgeRequest(string? Key = null, string? Since = null, string? Contains = null, bool? DryRun = null, string? Cursor = null);

/// <summary>Result of one portion of a purge.</summary>
/// <param name="DryRun">Whether they were only counted.</param>
/// <param name="Trajectories">Number of trajectories that were deleted, or would be.</param>
/// <param name="Examples">Number of those that were curated or used as examples.</param>
/// <param name="Items">The first of the trajectories.</param>
/// <param name="NextCursor">Cursor of the next portion; null if nothing is left.</param>
public sealed record PurgeResponse(bool DryRun, int Trajectories, int Examples, IReadOnlyList<TrajectoryDto> Items, string? NextCursor);

/// <summary>One removal.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Time">When.</param>
/// <param name="Tenant">In whose trajectories.</param>
/// <param name="Actor">Name of the key that asked for it; <c>local</c> without keys, <c>schedule</c> for the scheduled cleanup.</param>
/// <param name="Action"><c>purge</c>, <c>delete</c>, <c>cleanup</c> or <c>redact</c>.</param>
/// <param name="Subject">What was selected; a searched text is not part of it.</param>
/// <param name="Counts">How many of what are gone.</param>
public sealed record AuditEntryDto(string Id, DateTime Time, string Tenant, string Actor, string Action, string Subject, IReadOnlyDictionary<string, long> Counts)
{
    internal static AuditEntryDto Of(AuditEntry entry) =>
        new(entry.Id, entry.At.UtcDateTime, entry.Tenant, entry.Actor, Core.EnumWords.Snake(entry.Action), entry.Subject, entry.Counts);
}
