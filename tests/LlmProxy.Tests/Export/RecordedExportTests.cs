using System.Globalization;
using LlmProxy.Core.Export;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Export;

/// <summary>Hundreds of real runs, recorded through the proxy, exported in every format and checked by its rules.</summary>
public sealed class RecordedExportTests(ITestOutputHelper output)
{
    [SharedDataFact]
    public async Task Every_recorded_run_is_exported_in_every_format_and_its_consumer_would_take_it()
    {
        using var folder = new TestFolder();
        await using var proxy = await RecordedRuns.StartProxyAsync();
        var (recordings, exchanges) = await RecordedRuns.RecordExchangesAsync(proxy);
        var (runs, calls) = await RecordedRuns.RecordTasksAsync(proxy);
        output.WriteLine($"{recordings} multi-step recordings with {exchanges} calls, {runs} task runs with {calls} calls");

        foreach (var name in ExportFormats.Names)
        {
            var format = ExportFormats.Parse(name)!.Value;
            var request = new ExportRequest("default", format) { MinQuality = 0, SuccessOnly = false, KeepsImageFiles = true, ImageUri = "gs://bucket/images", MaxImages = format == ExportFormat.Trl ? 5 : null };
            var exporter = proxy.Services.GetRequiredService<TrajectoryExporter>();
            var selected = 0;
            var result = await new ExportFiles(request, folder[name + ".jsonl"]).WriteAsync(
                exporter.ExportAsync(request, CancellationToken.None),
                item => selected = item is ExportStart start ? start.Runs : selected,
                CancellationToken.None);

            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {selected} runs selected, {result.Summary.Runs} in {result.Added} lines, {result.Training.Report.Tokens} tokens, {result.Images} image files, {result.Training.Report.ProblemCount} problems"));
            foreach (var (what, count) in result.Summary.LeftOut.Concat(result.Summary.Notes))
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {count} {what}"));
            }

            Assert.True(result.Training.Report.IsValid, string.Join('\n', result.Training.Report.Problems.Take(10)));
            Assert.DoesNotContain(result.Summary.Notes.Keys, note => note.Contains("rule", StringComparison.Ordinal) && !note.Contains("token-limit", StringComparison.Ordinal));
            Assert.True(result.Added > 0);
        }
    }
}
