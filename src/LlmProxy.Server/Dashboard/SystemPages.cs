using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Upstreams;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>Lists the settings that apply, with their sources.</summary>
/// <param name="List">Lists them.</param>
internal sealed record SettingsSource(Func<IReadOnlyList<EffectiveSetting>> List);

/// <summary>The result of a check.</summary>
/// <param name="Name">What was checked.</param>
/// <param name="IsOk">Whether it works.</param>
/// <param name="Text">What was found.</param>
/// <param name="Fix">The fix, or null.</param>
public sealed record HealthCard(string Name, bool IsOk, string Text, string? Fix);

/// <summary>Where a client is pointed to.</summary>
/// <param name="Name">The client.</param>
/// <param name="Line">The line to copy.</param>
public sealed record ConnectLine(string Name, string Line);

/// <summary>Settings, keys, the audit log, health and export.</summary>
internal static class SystemPages
{
    private const string KeySettings = "LlmProxy:Auth:Keys";
    private const int MostAudit = 100;
    private const int MostCounted = 10_000;

    public static void MapSystem(this RouteGroupBuilder pages)
    {
        pages.MapGet("/settings", ReadSettingsAsync);
        pages.MapGet("/health", ReadHealthAsync);
        pages.MapGet("/export", ReadExportAsync);
        pages.MapGet("/export/data", DownloadAsync);
    }

    private static async Task<IResult> ReadSettingsAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] SettingsSource settings, [FromServices] LlmProxyOptions options, [FromServices] IAuditStore audit, string? search, string? changed, CancellationToken cancellationToken)
    {
        var tenant = context.GetTenant();
        var onlyChanged = ApiInput.Truth("changed", changed) ?? false;

        // Keys name the other tenants, and routes the machines behind the proxy.
        var shown = settings.List()
            .Where(setting => !setting.Key.StartsWith(KeySettings, StringComparison.OrdinalIgnoreCase) && (options.Auth.Keys.Count == 0 || setting.Key.StartsWith("LlmProxy:", StringComparison.OrdinalIgnoreCase)))
            .Where(setting => (!onlyChanged || !setting.IsDefault) && setting.Key.Contains(search ?? "", StringComparison.OrdinalIgnoreCase))
            .ToList();
        return await frames.PageAsync<SettingsPage>(context, new()
        {
            ["Settings"] = shown,
            ["Search"] = search ?? "",
            ["OnlyChanged"] = onlyChanged,
            ["Keys"] = options.Auth.Keys.Where(key => key.Tenant == tenant).ToList(),
            ["Audit"] = await audit.ListAuditAsync(tenant, MostAudit, null, cancellationToken),
        });
    }

    private static async Task<IResult> ReadHealthAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] IConfiguration configuration, [FromServices] LlmProxyOptions options, [FromServices] IStatisticsStore statistics, [FromServices] ITrajectoryStore store,
        [FromServices] IStoreLifecycle lifecycle, [FromServices] EmbeddingService embeddings, [FromServices] TemplateDirectory templates, CancellationToken cancellationToken)
    {
        var problems = await frames.FindProblemsAsync(cancellationToken);
        var usable = await statistics.CountTrainableAsync(context.GetTenant(), options.Quality.Threshold, MostCounted, cancellationToken);
        var origin = $"{context.Request.Scheme}://{context.Request.Host}";
        var cards = new List<HealthCard>
        {
            new("Store", !problems.Any(p => p.Text.StartsWith("The store", StringComparison.Ordinal)), lifecycle.Provider, null),
            new("Embedder", embeddings.Problem is null && embeddings.LastError is null, $"{embeddings.Provider}, {embeddings.Model}", null),
            new("Recording", options.Recording.Enabled, options.Recording.Enabled ? $"content of {string.Join(", ", options.Recording.Providers)}; metrics of every run" : "off", options.Recording.Enabled ? null : "LlmProxy:Recording:Enabled=true"),
            new("Templates", templates.Status.All(file => file.Ok), $"{templates.Status.Count(file => file.Ok)} of {templates.Status.Count} in use", null),
            new("Prompts", options.Prompts.Enabled, options.Prompts.Enabled ? $"before the heading \"{options.Prompts.InsertBefore}\"" : "off: no prompt is rewritten", options.Prompts.Enabled ? null : "LlmProxy:Prompts:Enabled=true"),
            new("Examples", usable > 0, usable > 0 ? $"{usable} trajectories score {Show.Score(options.Quality.Threshold)} or more" : "none yet", usable > 0 ? null : "Run a task with Claude through the proxy and state its outcome."),
            new("Judge", true, options.Judge.Enabled ? options.Judge.Model ?? "" : "off (LlmProxy:Judge:Enabled)", null),
        };
        return await frames.PageAsync<HealthPage>(context, new()
        {
            ["Cards"] = cards,
            ["Connect"] = BaseUrls.Of(configuration, origin).Select(url => new ConnectLine($"any client, route {url.Route}", url.Address)).Concat(
            [
                new ConnectLine("Claude Code", $"export ANTHROPIC_BASE_URL={origin}/anthropic"),
                new ConnectLine("OpenAI SDKs", $"export OPENAI_BASE_URL={origin}/openai/v1"),
                new ConnectLine("Gemini CLI", $"export GOOGLE_GEMINI_BASE_URL={origin}/gemini"),
                new ConnectLine("Codex with a login", $"openai_base_url = \"{origin}/codex\""),
            ]).ToList(),
            ["Latest"] = await store.FindLatestAsync(context.GetTenant(), null, cancellationToken),
        });
    }

    private static async Task<IResult> ReadExportAsync(HttpContext context, [FromServices] PageFrames frames, [FromServices] IStatisticsStore statistics, [FromServices] LlmProxyOptions options, string? minQuality, CancellationToken cancellationToken)
    {
        var least = ApiInput.Number("minQuality", minQuality, 0, 1) ?? options.Quality.Threshold;
        return await frames.PageAsync<ExportPage>(context, new()
        {
            ["Formats"] = ExportFormats.Names,
            ["MinQuality"] = least,
            ["Count"] = await statistics.CountTrainableAsync(context.GetTenant(), least, MostCounted, cancellationToken),
            ["Providers"] = ProviderResolver.Names,
            ["Allowed"] = options.Export.AllowProviders,
        });
    }

    private static Task<IResult> DownloadAsync(
        HttpContext context, [FromServices] TrajectoryExporter exporter, [FromServices] TimeProvider time, [AsParameters] ExportEndpoints.ExportParameters parameters, CancellationToken cancellationToken)
    {
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"trajectories-{ExportFormats.Parse(parameters.Format)?.Name() ?? "export"}.jsonl\"";
        return ExportEndpoints.ExportAsync(context, exporter, time, parameters, cancellationToken);
    }
}
