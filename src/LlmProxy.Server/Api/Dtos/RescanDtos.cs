using LlmProxy.Core.Recording;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>Asks for one portion of a rescan of the tenant's stored texts.</summary>
/// <param name="DryRun">Only counts what would change.</param>
/// <param name="Cursor">Cursor of the previous response.</param>
public sealed record RescanRequest(bool? DryRun = null, string? Cursor = null);

/// <summary>Result of one portion of a rescan.</summary>
/// <param name="DryRun">Whether rows were only counted.</param>
/// <param name="Rows">Rows with secrets, by table.</param>
/// <param name="Secrets">Secrets, by kind.</param>
/// <param name="Unreadable">Content rows that are damaged and were not scanned.</param>
/// <param name="RecordsRedacted">Whether new calls are redacted too (<c>Recording:Redaction:Enabled</c>).</param>
/// <param name="NextCursor">Cursor of the next portion; null if nothing is left.</param>
public sealed record RescanResponse(bool DryRun, IReadOnlyDictionary<string, long> Rows, IReadOnlyDictionary<string, long> Secrets, long Unreadable, bool RecordsRedacted, string? NextCursor)
{
    internal static RescanResponse Of(RescanResult result, bool dryRun, bool recordsRedacted) =>
        new(dryRun, result.Counts.Rows, result.Counts.Secrets, result.Counts.Unreadable, recordsRedacted, result.NextCursor);

    /// <summary>The sum of this portion and the next.</summary>
    internal RescanResponse Add(RescanResponse next) => next with { Rows = Sum(Rows, next.Rows), Secrets = Sum(Secrets, next.Secrets), Unreadable = Unreadable + next.Unreadable };

    private static SortedDictionary<string, long> Sum(IReadOnlyDictionary<string, long> one, IReadOnlyDictionary<string, long> other)
    {
        var sum = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (name, count) in one.Concat(other))
        {
            sum[name] = sum.GetValueOrDefault(name) + count;
        }

        return sum;
    }
}
