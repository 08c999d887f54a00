using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Server.Cli.Verbs;
using LlmProxy.Server.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using static LlmProxy.Server.Dashboard.DashboardEndpoints;

namespace LlmProxy.Server.Dashboard;

/// <summary>Reads what each page shows, through the services of the API. Every list is bounded.</summary>
internal static class Pages
{
    private const int PageSize = 50;
    private const int Latest = 10;
    private const int MostExamples = 100;
    private const int MostScanned = 500;
    private const int MostAudit = 50;

    private static readonly string[] RunFilters = ["search", "provider", "model", "status", "since", "contains"];

    public static async Task<IResult> OverviewAsync(HttpContext context)
    {
        var (statistics, now) = (Service<StatisticsReader>(context), Service<TimeProvider>(context).GetUtcNow());
        var month = TimeSpan.FromDays(30);
        var current = await statistics.ReadAsync(new StatisticsQuery(context.GetTenant()) { Since = now - month, Interval = StatisticsInterval.Day }, context.RequestAborted);
        var before = await statistics.ReadAsync(new StatisticsQuery(context.GetTenant()) { Since = now - (2 * month), Until = now - month }, context.RequestAborted);
        var experiments = await ReadExperimentsAsync(context, now - month);
        var failures = await ListAsync(context, query => query with { Status = TrajectoryStatus.Failed, Limit = Latest });
        return new RazorComponentResult<OverviewPage>(new
        {
            Now = current, Before = before, Failures = failures, Problems = await ProblemsAsync(context),
            Verdicts = (IReadOnlyList<string>)[.. experiments.Models.Select(model => $"{model.Model}: {model.Verdict}")], ExperimentsOn = experiments.Enabled,
        });
    }

    public static async Task<IResult> LiveAsync(HttpContext context) => new RazorComponentResult<LivePage>(new
    {
        Open = await ListAsync(context, query => query with { Status = TrajectoryStatus.Active, Limit = PageSize }), Problems = await ProblemsAsync(context),
    });

    public static async Task<IResult> RunsAsync(HttpContext context)
    {
        var filters = RunFilters.Select(name => (Name: name, Value: context.Request.Query[name].ToString())).Where(filter => filter.Value.Length > 0).ToDictionary(filter => filter.Name, filter => filter.Value, StringComparer.Ordinal);
        IReadOnlyList<TrajectoryDto> runs = [];
        string? next = null, problem = null;
        try
        {
            var parameters = new TrajectoryEndpoints.ListParameters
            {
                Search = filters.GetValueOrDefault("search"), Provider = filters.GetValueOrDefault("provider"), Model = filters.GetValueOrDefault("model"), Status = filters.GetValueOrDefault("status"),
                Since = filters.GetValueOrDefault("since"), Contains = filters.GetValueOrDefault("contains"), Cursor = context.Request.Query["cursor"].ToString(),
            };
            var page = await Service<ITrajectoryStore>(context).ListAsync(parameters.ToQuery(context.GetTenant(), Service<TimeProvider>(context)) with { Limit = PageSize }, context.RequestAborted);
            runs = [.. page.Items.Select(TrajectoryDto.Of)];
            next = page.NextCursor is { } cursor ? QueryString.Create(filters.Append(new("cursor", cursor)).Select(pair => new KeyValuePair<string, string?>(pair.Key, pair.Value))).ToString() : null;
        }
        catch (ApiProblemException error)
        {
            problem = error.Message;
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            problem = "This page of the list does not exist any more. Go back to the first one.";
        }

        return new RazorComponentResult<RunsPage>(new { Runs = runs, Filters = (IReadOnlyDictionary<string, string>)filters, Next = next, Problem = problem, Problems = await ProblemsAsync(context) });
    }

    public static async Task<IResult> RunAsync(HttpContext context)
    {
        var id = context.Request.RouteValues["id"]?.ToString() ?? "";
        if (await Service<TaskService>(context).FindAsync(context.GetTenant(), id, context.RequestAborted) is not { } run)
        {
            return Message(context, StatusCodes.Status404NotFound, "Not found", "There is no such trajectory. It may have been deleted.");
        }

        var shown = await Service<TrajectoryMapper>(context).ReadAsync(run, context.RequestAborted);
        var examples = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var example in run.ExampleIds)
        {
            if (await Service<ITrajectoryStore>(context).FindTrajectoryAsync(run.Tenant, example, context.RequestAborted) is { } found)
            {
                examples[example] = found.TaskDescription;
            }
        }

        var step = int.TryParse(context.Request.Query["step"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 1;
        return new RazorComponentResult<RunPage>(new
        {
            Run = shown, User = DashboardUser.Of(context), Examples = (IReadOnlyDictionary<string, string>)examples, First = RunPage.PageOf(step, shown.Steps.Count), Problems = await ProblemsAsync(context),
        });
    }

    public static async Task<IResult> ExamplesAsync(HttpContext context)
    {
        var rows = await Service<IExampleStore>(context).ListExamplesAsync(context.GetTenant(), MostExamples, context.RequestAborted);
        var evidence = await Service<ExampleLedger>(context).ReadAsync(context.GetTenant(), context.RequestAborted);
        var (options, text) = (Service<LlmProxyOptions>(context), context.Request.Query["task"].ToString());
        return new RazorComponentResult<ExamplesPage>(new
        {
            User = DashboardUser.Of(context), Examples = (IReadOnlyList<ExampleDto>)[.. rows.Select(row => ExampleEndpoints.ToDto(row, evidence))],
            Task = text, Found = text.Trim().Length == 0 ? null : await SearchEndpoints.FindAsync(context, new SearchRequest(text)),
            SourceProviders = string.Join(", ", options.FewShot.SourceProviders), Problems = await ProblemsAsync(context),
        });
    }

    public static async Task<IResult> ExperimentsAsync(HttpContext context) =>
        new RazorComponentResult<ExperimentsPage>(new { Data = await ReadExperimentsAsync(context, null), Problems = await ProblemsAsync(context) });

    public static async Task<IResult> CostAsync(HttpContext context)
    {
        var days = context.Request.Query["days"].ToString() switch { "7" => 7, "90" => 90, _ => 30 };
        var since = Service<TimeProvider>(context).GetUtcNow() - TimeSpan.FromDays(days);
        var data = await Service<StatisticsReader>(context).ReadAsync(new StatisticsQuery(context.GetTenant()) { Since = since }, context.RequestAborted);
        var latest = await ListAsync(context, query => query with { Since = since, Limit = MostScanned });
        return new RazorComponentResult<CostPage>(new
        {
            Data = data, Days = days, Expensive = (IReadOnlyList<TrajectoryDto>)[.. latest.Where(run => run.CostUsd is not null).OrderByDescending(run => run.CostUsd).Take(Latest)], Problems = await ProblemsAsync(context),
        });
    }

    public static async Task<IResult> SettingsAsync(HttpContext context)
    {
        var configuration = Service<ProxyConfiguration>(context);
        var (key, changed) = (context.Request.Query["key"].ToString(), context.Request.Query["changed"] == "true");
        var settings = configuration.ListSettings().Where(setting => setting.Key.Contains(key, StringComparison.OrdinalIgnoreCase) && !(changed && setting.IsDefault));

        // The keys of other tenants are theirs.
        var keys = configuration.Options.Auth.Keys.Where(entry => entry.Tenant == context.GetTenant());
        return new RazorComponentResult<SettingsPage>(new
        {
            Settings = (IReadOnlyList<EffectiveSetting>)[.. settings.Where(setting => !setting.Key.StartsWith("LlmProxy:Auth:Keys:", StringComparison.Ordinal))], Keys = (IReadOnlyList<AuthKey>)[.. keys],
            Audit = await Service<IAuditStore>(context).ListAuditAsync(context.GetTenant(), MostAudit, null, context.RequestAborted),
            File = configuration.File, Key = key, OnlyChanged = changed, Problems = await ProblemsAsync(context),
        });
    }

    public static async Task<IResult> ConnectAsync(HttpContext context)
    {
        var asked = context.Request.Query["client"].ToString();
        var client = ConnectVerb.Clients.Contains(asked) ? asked : ConnectVerb.Clients[0];
        var latest = await ListAsync(context, query => query with { Limit = 1 });
        var health = await HealthEndpoints.CheckAsync(Service<IStoreLifecycle>(context), context.RequestAborted);
        var embeddings = Service<EmbeddingService>(context);
        var spool = Service<Spool>(context);
        IReadOnlyList<(string, bool, string)> checks =
        [
            ("Store", health.Ok, health.Ok ? health.Details ?? "" : health.Error ?? ""),
            ("Spool", spool.Dropped == 0, FormattableString.Invariant($"{spool.Pending} calls waiting, {spool.Dropped} dropped")),
            ("Embedder", embeddings.Problem is null, embeddings.Problem ?? embeddings.LastError ?? $"{embeddings.Provider}, {embeddings.Model}"),
            ("Recording", Service<RecordingSwitch>(context).IsOn(context.GetTenant()), Service<RecordingSwitch>(context).IsOn(context.GetTenant()) ? "on" : "off or paused"),
        ];
        return new RazorComponentResult<ConnectPage>(new
        {
            Clients = (IReadOnlyList<string>)ConnectVerb.Clients, Client = client, Lines = ConnectVerb.Text(client, $"{context.Request.Scheme}://{context.Request.Host}", Service<KeyRing>(context).HasKeys),
            LastCall = latest.Count > 0 ? latest[0].StartedAt : (DateTime?)null, Health = checks, Problems = await ProblemsAsync(context),
        });
    }

    private static async Task<IReadOnlyList<TrajectoryDto>> ListAsync(HttpContext context, Func<TrajectoryQuery, TrajectoryQuery> filter) =>
        [.. (await Service<ITrajectoryStore>(context).ListAsync(filter(new TrajectoryQuery(context.GetTenant())), context.RequestAborted)).Items.Select(TrajectoryDto.Of)];

    private static Task<ExperimentsDto> ReadExperimentsAsync(HttpContext context, DateTimeOffset? since) => StatisticsEndpoints.ExperimentsAsync(
        Service<IExampleStore>(context), Service<ExampleLedger>(context), Service<LlmProxyOptions>(context).Experiments, new StatisticsQuery(context.GetTenant()) { Since = since }, context.RequestAborted);

    /// <summary>What is unhealthy, for the banner.</summary>
    private static async Task<IReadOnlyList<string>> ProblemsAsync(HttpContext context)
    {
        var problems = new List<string>();
        var health = await HealthEndpoints.CheckAsync(Service<IStoreLifecycle>(context), context.RequestAborted);
        if (!health.Ok)
        {
            problems.Add($"Store unavailable: {health.Error} Calls are forwarded, and recorded when it is back.");
        }

        if (Service<Spool>(context).Dropped is > 0 and var dropped)
        {
            problems.Add(FormattableString.Invariant($"{dropped} recorded calls were dropped since the start: the spool was full. Raise LlmProxy:Recording:Spool:MaxBytes."));
        }

        problems.AddRange(Service<Core.Prompting.TemplateDirectory>(context).Status.Where(file => !file.Ok).Select(file => $"Template {file.Path} is not in use: {file.Error}"));
        return problems;
    }
}
