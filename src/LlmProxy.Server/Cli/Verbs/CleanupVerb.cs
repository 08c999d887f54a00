using System.CommandLine;
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
        return ApiVerb.Create(
            context,
            "cleanup",
            "Delete old runs with a low score, and content that is no longer referenced",
            [days, quality, unscored, dryRun],
            (api, parse, cancellationToken) => api.PostAsync(
                "/cleanup",
                new CleanupRequest(parse.GetValue(days), parse.GetValue(quality), parse.GetValue(unscored), parse.GetValue(dryRun)),
                ApiJson.Default.CleanupRequest,
                cancellationToken),
            ApiJson.Default.CleanupResponse,
            (console, _, done) => console.Line(done.DryRun ? $"{done.Deleted} runs would be deleted." : $"{done.Deleted} runs deleted."));
    }
}
