using System.CommandLine;
using LlmProxy.Server.Api.Dtos;
using Spectre.Console;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>status</c>: the state of the proxy, and what is off and why.</summary>
internal static class StatusVerb
{
    public static Command Create(CliContext context) => ApiVerb.Create(
        context,
        "status",
        "Show the state of the proxy: what is recorded, which store and embedder are in use, and what is off and why",
        [],
        (api, _, cancellationToken) => api.GetAsync("/status", cancellationToken),
        ApiJson.Default.StatusResponse,
        (console, _, status) => Print(console, status));

    private static void Print(CliConsole console, StatusResponse status)
    {
        var (recording, spool) = (status.Recording, status.Recording.Spool);
        Field(console, "Version", status.Version);
        Field(console, "Recording", recording.Enabled ? "on, content of " + string.Join(", ", recording.Providers) : recording.Paused ? "paused (\"llmproxy recording resume\" switches it on)" : "off", recording.Enabled);
        Field(console, "Open tasks", recording.ActiveTasks is { } active ? Invariant($"{active}") : "unknown while the store is unavailable", recording.ActiveTasks is not null);
        Field(console, "Spool", Invariant($"{spool.Pending} calls waiting, {spool.Bytes / 1024.0:0} KiB, {spool.Dropped} dropped"), spool.Dropped == 0);
        Field(console, "Store", $"{status.Store.Provider}{(status.Store.Ok ? "" : ": " + status.Store.Error)}", status.Store.Ok);
        Field(console, "Embedder", Invariant($"{status.Embeddings.Provider}, {status.Embeddings.Model}, {status.Embeddings.Dimensions} dimensions{(status.Embeddings.Ok ? "" : ": " + status.Embeddings.Error)}"), status.Embeddings.Ok);
        Field(console, "Examples", status.FewShot.Available ? "available" : "none: " + status.FewShot.Reason, status.FewShot.Available);
        Counts(console, "  skipped", status.FewShot.Skipped);
        Counts(console, "Unrecorded", recording.NotRecorded);
        foreach (var template in status.Templates.Where(template => !template.Ok))
        {
            Field(console, "Template", $"{template.Path}: {template.Error}", isOk: false);
        }

        Field(console, "Templates", Invariant($"{status.Templates.Count(template => template.Ok)} of {status.Templates.Count} in use"));
        Field(console, "Judge", status.Judge.Enabled ? $"{status.Judge.Model}; {status.Judge.Sends}" : "off");
    }

    private static void Counts(CliConsole console, string name, IReadOnlyDictionary<string, long> counts)
    {
        if (counts.Count > 0)
        {
            Field(console, name, string.Join(", ", counts.OrderByDescending(count => count.Value).Select(count => Invariant($"{count.Value} {count.Key}"))));
        }
    }

    private static void Field(CliConsole console, string name, string value, bool isOk = true) =>
        console.Line($"{name,-12}{value}", isOk ? default(Style?) : new Style(Color.Red));
}
