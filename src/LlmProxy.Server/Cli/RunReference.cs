using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Cli;

/// <summary>A run as a person names it on the command line: its id or the beginning of it, <c>session:ID</c>, or <c>last</c>.</summary>
internal static class RunReference
{
    /// <summary>Describes the argument in the help.</summary>
    public const string Description = "Id of the task or the run (an unambiguous beginning is enough), session:ID, or last";

    /// <summary>The shortest beginning that is shown for an id. Ids begin with their time: 10 digits are a quarter of a second.</summary>
    private const int ShortLength = 10;

    private const int MaxListed = 5;

    /// <summary>The reference as the API takes it: the task's whole id for a beginning of it. An unknown id is left for the API to reject.</summary>
    /// <exception cref="CliException">Several runs have ids that begin so.</exception>
    public static async Task<string> ResolveAsync(ApiConnection api, string reference, CancellationToken cancellationToken)
    {
        if (reference == TaskId.Last || reference.StartsWith(TaskId.SessionPrefix, StringComparison.Ordinal))
        {
            return reference;
        }

        PageResponse<TrajectoryDto> page;
        try
        {
            page = (await api.GetAsync("/trajectories" + ApiVerb.Query(("id", reference), ("limit", MaxListed)), cancellationToken)).Deserialize(ApiJson.Default.PageResponseTrajectoryDto)!;
        }
        catch (CliException)
        {
            // A key that may state outcomes may not list, and a task that is open is known without the store: the whole id is enough.
            return reference;
        }

        if (page.Items.Any(run => run.TaskId == reference || run.Id == reference))
        {
            return reference;
        }

        return page.Items switch
        {
            [] => reference,
            [var run] => run.TaskId,
            var several => throw new CliException(
                $"\"{reference}\" begins the ids of several runs. Give more of the id:\n"
                + string.Join('\n', several.Select(run => $"  {run.TaskId}  {TextFold.Short(run.TaskDescription, 40)}"))
                + (page.NextCursor is null ? "" : "\n  and more"), ExitCodes.WrongUsage),
        };
    }

    /// <summary>The shortest beginnings of some ids, 10 characters or more, that no other of these ids has.</summary>
    public static IReadOnlyList<string> Shorten(IReadOnlyList<string> ids)
    {
        var sorted = ids.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        return [.. ids.Select(id =>
        {
            var at = sorted.BinarySearch(id, StringComparer.Ordinal);
            var shared = Math.Max(at > 0 ? Shared(id, sorted[at - 1]) : 0, at < sorted.Count - 1 ? Shared(id, sorted[at + 1]) : 0);
            var length = Math.Max(ShortLength, shared + 1);
            if (length < id.Length && char.IsHighSurrogate(id[length - 1]))
            {
                length++;
            }

            return length < id.Length ? id[..length] : id;
        })];
    }

    private static int Shared(string left, string right) => left.AsSpan().CommonPrefixLength(right);
}
