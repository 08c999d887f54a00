using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>judge</c>: lets a model judge runs, and shows how far it agrees with stated outcomes.</summary>
internal static class JudgeVerb
{
    private const int PageSize = 100;

    public static Command Create(CliContext context) => new("judge", "Let a model judge runs, and compare it with stated outcomes")
    {
        CreateRun(context),
        CreateCalibrate(context),
    };

    private static Command CreateRun(CliContext context)
    {
        var id = new Option<string?>("--trajectory") { Description = "One run: " + RunReference.Description };
        var since = new Option<string?>("--since") { Description = "Runs since a time or for a span, such as 2026-03-01 or 7d" };
        var limit = new Option<int>("--limit") { Description = "Maximum number of runs to judge", DefaultValueFactory = _ => 100 };
        var dryRun = new Option<bool>("--dry-run") { Description = "Count only; ask no model" };
        return ApiVerb.Create(
            context,
            "run",
            "Judge finished runs whose outcome is not known",
            [id, since, limit, dryRun],
            async (api, parse, cancellationToken) =>
            {
                if (parse.GetValue(id) is null == parse.GetValue(since) is null)
                {
                    throw new CliException("\"llmproxy judge run\" needs either --trajectory ID or --since TIME, such as --since 7d.", ExitCodes.WrongUsage);
                }

                var ids = parse.GetValue(id) is { } one ? Only(await RunReference.ResolveAsync(api, one, cancellationToken)) : ListAsync(api, parse.GetValue(since), _ => true, cancellationToken);
                return ToNode(await RunAsync(api, ids, parse.GetValue(limit), parse.GetValue(dryRun), calibrates: false, cancellationToken));
            },
            ApiJson.Default.JudgeRunReport,
            (console, _, report) => Print(console, report));
    }

    private static Command CreateCalibrate(CliContext context)
    {
        var limit = new Option<int>("--limit") { Description = "Maximum number of runs with a stated outcome to judge first; 0 asks no model", DefaultValueFactory = _ => 50 };
        return ApiVerb.Create(
            context,
            "calibrate",
            "Judge runs with a stated outcome, and show how far the judge agrees",
            [limit],
            async (api, parse, cancellationToken) =>
            {
                // Without a judge this fails before anything is listed.
                await api.GetAsync("/judge/calibration", cancellationToken);
                var stated = ListAsync(api, null, run => run.OutcomeSource is "human" or "ci" or "api", cancellationToken);
                var report = await RunAsync(api, stated, parse.GetValue(limit), isDry: false, calibrates: true, cancellationToken);
                return report.Stopped is { } why ? throw new CliException(why) : await api.GetAsync("/judge/calibration", cancellationToken);
            },
            ApiJson.Default.JudgeCalibrationResponse,
            (console, _, calibration) => Print(console, calibration));
    }

    private static async Task<JudgeRunReport> RunAsync(ApiConnection api, IAsyncEnumerable<string> ids, int limit, bool isDry, bool calibrates, CancellationToken cancellationToken)
    {
        var (judged, stored, set, would) = (0, 0, 0, 0);
        var reasons = new SortedDictionary<string, int>(StringComparer.Ordinal);
        string? stopped = null;
        if (limit > 0)
        {
            await foreach (var id in ids.WithCancellation(cancellationToken))
            {
                JudgeResponse result;
                try
                {
                    var query = ApiVerb.Query(("calibrate", calibrates ? "true" : null), ("dryRun", isDry ? "true" : null));
                    result = (await api.PostAsync($"/trajectories/{Uri.EscapeDataString(id)}/judge{query}", cancellationToken)).Deserialize(ApiJson.Default.JudgeResponse)!;
                }
                catch (CliException error) when (judged + stored > 0)
                {
                    // What was judged before counts: it is reported with the reason.
                    stopped = error.Message;
                    break;
                }

                if (result.Reason is { } reason)
                {
                    reasons[reason] = reasons.GetValueOrDefault(reason) + 1;
                    continue;
                }

                judged += result.IsNew ? 1 : 0;
                stored += result is { IsNew: false, Judgement: not null } ? 1 : 0;
                would += isDry ? 1 : 0;
                set += result.SetsOutcome ? 1 : 0;
                if (judged + would >= limit)
                {
                    break;
                }
            }
        }

        return new JudgeRunReport(judged, stored, set, reasons, isDry ? would : null, stopped);
    }

    private static async IAsyncEnumerable<string> ListAsync(
        ApiConnection api, string? since, Func<TrajectoryDto, bool> takes, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            var page = (await api.GetAsync("/trajectories" + ApiVerb.Query(("since", since), ("limit", PageSize), ("cursor", cursor)), cancellationToken)).Deserialize(ApiJson.Default.PageResponseTrajectoryDto)!;
            foreach (var run in page.Items.Where(takes))
            {
                yield return run.Id;
            }

            cursor = page.NextCursor;
        }
        while (cursor is not null);
    }

    private static async IAsyncEnumerable<string> Only(string id)
    {
        await Task.CompletedTask;
        yield return id;
    }

    private static JsonNode ToNode(JudgeRunReport report) => JsonSerializer.SerializeToNode(report, ApiJson.Default.JudgeRunReport)!;

    private static void Print(CliConsole console, JudgeRunReport report)
    {
        console.Line(report.WouldBeJudged is { } would
            ? Invariant($"{would} runs would be judged.")
            : Invariant($"{report.Judged} runs judged, {report.Stored} were judged before; {report.SetOutcomes} outcomes set."));
        foreach (var (reason, count) in report.NotJudged)
        {
            console.Line(Invariant($"{count} not judged: ") + reason switch
            {
                "known" => "the outcome is stated, or a verification passed",
                "no-content" => "the content is not recorded",
                _ => "not over yet",
            });
        }

        if (report.Stopped is { } why)
        {
            console.Line("Stopped: " + why);
        }
    }

    private static void Print(CliConsole console, JudgeCalibrationResponse calibration)
    {
        console.Line(Invariant($"{calibration.Model} on {calibration.Count} stated outcomes ({calibration.Abstained} more on which it abstains):"));
        console.Table(
            ["Agreement", "Kappa", "90 % interval", "Sets outcomes"],
            [[calibration.Agreement is { } share ? Invariant($"{share * 100:0} %") : "-", Number(calibration.Kappa), $"{Number(calibration.KappaLow)} to {Number(calibration.KappaHigh)}", calibration.MaySetOutcomes ? "yes" : "no"]]);
        if (!calibration.MaySetOutcomes)
        {
            console.Line(Invariant($"A judge sets outcomes from {calibration.NeededOutcomes} stated outcomes on, with a kappa of {calibration.NeededKappa:0.0} or more and an interval above 0."));
        }

        console.Line(Invariant($"Spent today: {calibration.SpentTodayUsd:0.######} USD."));
    }

    private static string Number(double? value) => value is { } number ? Invariant($"{number:0.00}") : "-";
}
