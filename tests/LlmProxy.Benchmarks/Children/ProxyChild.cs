using LlmProxy.Core.Recording;
using LlmProxy.Server.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Benchmarks.Children;

/// <summary>The real proxy with its shipped settings, a SQLite store of its own and recording on.</summary>
internal static class ProxyChild
{
    /// <summary>Runs it.</summary>
    /// <param name="upstream">Where every provider's calls go.</param>
    /// <param name="folder">Where store and spool lie.</param>
    /// <param name="withStore">False for a store that cannot be reached: calls are read, placed and spooled, and the recorder
    /// waits. That is the request path alone.</param>
    public static async Task<int> RunAsync(string upstream, string folder, bool withStore)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["LlmProxy:Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "llmproxy.db")}",
            ["LlmProxy:Recording:Spool:Directory"] = Path.Combine(folder, "spool"),
            // A measurement under saturation may leave much behind; that nothing is dropped is part of what is measured.
            ["LlmProxy:Recording:Spool:MaxBytes"] = "8GiB",
            ["LlmProxy:Embeddings:Provider"] = "lexical",
        };
        if (!withStore)
        {
            settings["LlmProxy:Storage:Provider"] = "postgres";
            settings["LlmProxy:Storage:ConnectionString"] = "Host=127.0.0.1;Port=1;Username=none;Database=none";
        }

        foreach (var cluster in (string[])["anthropic", "openai", "codex", "gemini", "proxy"])
        {
            settings[$"ReverseProxy:Clusters:{cluster}:Destinations:default:Address"] = upstream;
        }

        var configuration = ProxyConfiguration.Load(null, settings);
        if (configuration.Problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join('\n', configuration.Problems));
        }

        await using var app = ProxyHost.Build(configuration, ["http://127.0.0.1:0"]);
        var spool = app.Services.GetRequiredService<Spool>();
        var notRecorded = app.Services.GetRequiredService<NotRecordedCounts>();
        return await ControlLoop.RunAsync(app, status => status with
        {
            Pending = spool.Pending,
            NotRecorded = notRecorded.Snapshot(),
        });
    }
}
