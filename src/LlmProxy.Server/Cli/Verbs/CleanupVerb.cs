using System.CommandLine;
using System.Text.Json;
using LlmProxy.Server.Api.Shapes;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>cleanup</c>: deletes old poor runs and the content that nobody refers to any more.</summary>
internal static class CleanupVerb
{
    public static Command Create(CliContext context)
    {
        var days = new Option<int?>("--older-than-days") { Description = "Only runs that ended so long ago (LlmProxy:Cleanup:OlderThanDays, 90)" };
        var quality = new Option<double?>("--max-quality") { Description = "Only runs that score at most so much (LlmProxy:Cleanup:MaxQuality, 0.3)" };
        var unscored = new Option<bool>("--include-unscored") { Description = "Runs without a score too" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only count" };
        var json = CliContext.JsonOption();
        var command = new Command("cleanup", "Deletes old poor runs and the content that nobody refers to any more") { days, quality, unscored, dryRun, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await TasksVerb.OpenAsync(context, parse, cancellationToken);
            var request = new CleanupRequest(parse.GetValue(days), parse.GetValue(quality), parse.GetValue(unscored), parse.GetValue(dryRun));
            var answer = await api.PostAsync("/cleanup", request, ApiJson.Default.CleanupRequest, cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(answer);
            }
            else
            {
                var done = answer.Deserialize(ApiJson.Default.CleanupShape)!;
                context.Console.Line(done.DryRun ? $"{done.Deleted} runs would be deleted." : $"{done.Deleted} runs deleted.");
            }

            return ExitCodes.Done;
        });
        return command;
    }
}
