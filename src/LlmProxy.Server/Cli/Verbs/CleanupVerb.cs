using System.CommandLine;
using System.Text.Json;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>cleanup</c>: deletes old trajectories with a low score, and content that is no longer referenced.</summary>
internal static class CleanupVerb
{
    public static Command Create(CliContext context)
    {
        var days = new Option<int?>("--older-than-days") { Description = "Minimum age in days (default: LlmProxy:Cleanup:OlderThanDays, 90)" };
        var quality = new Option<double?>("--max-quality") { Description = "Maximum quality score (default: LlmProxy:Cleanup:MaxQuality, 0.3)" };
        var unscored = new Option<bool>("--include-unscored") { Description = "Also delete runs without a score" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Count only; delete nothing" };
        var yes = CliConsole.YesOption();
        return ApiVerb.Create(
            context,
            "cleanup",
            "Delete old runs with a low score, and content that is no longer referenced",
            [days, quality, unscored, dryRun, yes],
            async (api, parse, cancellationToken) =>
            {
                var request = new CleanupRequest(parse.GetValue(days), parse.GetValue(quality), parse.GetValue(unscored), DryRun: true);
                var found = await api.PostAsync("/cleanup", request, ApiJson.Default.CleanupRequest, cancellationToken);
                if (parse.GetValue(dryRun))
                {
                    return found;
                }

                var count = found.Deserialize(ApiJson.Default.CleanupResponse)!.Deleted;
                context.Console.RequireYes(FormattableString.Invariant($"Delete {count} runs with their steps and examples?"), parse.GetValue(yes) || count == 0);
                return await api.PostAsync("/cleanup", request with { DryRun = false }, ApiJson.Default.CleanupRequest, cancellationToken);
            },
            ApiJson.Default.CleanupResponse,
            (console, _, done) => console.Line(done.DryRun ? $"{done.Deleted} runs would be deleted." : $"{done.Deleted} runs deleted."));
    }
}
