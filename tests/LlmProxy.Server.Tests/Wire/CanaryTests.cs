using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Wire;

/// <summary>Keys in the headers of recorded calls are found nowhere afterwards.</summary>
public sealed class CanaryTests(ITestOutputHelper output)
{
    private const int Calls = 1_000;
    private const string Mark = "CANARY7f3";

    [SharedDataFact]
    public async Task Keys_of_a_thousand_recorded_calls_are_nowhere_in_database_log_or_traces()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        long bytes;
        await using (var proxy = await RunningProxy.StartAsync(
            null,
            ("LlmProxy:Telemetry:Otlp", receiver.Address),
            ("LlmProxy:Telemetry:CaptureContent", "true"),
            ("LlmProxy:Telemetry:Propagate", "true"),
            ("LlmProxy:Recording:Providers", "anthropic,openai,gemini,proxy"),
            ("LlmProxy:Recording:Failures", "true"),
            ("LlmProxy:Upstreams:openai:RetryStatuses", "429,500,503")))
        {
            await SendAsync(proxy);
            await proxy.SettleAsync();
            bytes = AssertNoCanaryIn(proxy);
            await AssertNoCanaryInRunsAsync(proxy);
        }

        Assert.InRange(receiver.Spans.Count, Calls, int.MaxValue);
        Assert.DoesNotContain(Mark, receiver.AllText, StringComparison.OrdinalIgnoreCase);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Calls} calls with canaries; {bytes} bytes of files, {receiver.Spans.Count} spans, {receiver.AllText.Length} characters of traces and metrics searched"));
    }

    [SharedDataFact]
    public async Task Keys_of_a_thousand_recorded_calls_are_nowhere_in_the_spool()
    {
        // A store that cannot be reached leaves every call in the spool.
        await using var proxy = await RunningProxy.StartAsync(
            null,
            ("LlmProxy:Storage:Provider", "postgres"),
            ("LlmProxy:Storage:ConnectionString", $"Host=127.0.0.1;Port={RawUpstream.ClosedAddress().Port};Username=none;Database=none"),
            ("LlmProxy:Recording:Providers", "anthropic,openai,gemini,proxy"));
        await SendAsync(proxy);

        Assert.InRange(proxy.Spool.Pending, Calls * 9 / 10, Calls);
        var bytes = AssertNoCanaryIn(proxy);
        Assert.InRange(bytes, 1 << 20, long.MaxValue);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{proxy.Spool.Pending} calls in {bytes} bytes of spool searched"));
    }

    private static async Task SendAsync(RunningProxy proxy)
    {
        var exchanges = RecordedExchange.ReadAll().Take(Calls).ToList();
        var byId = exchanges.ToDictionary(e => e.Id, StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) =>
        {
            context.Response.Headers.SetCookie = $"session={Mark}-cookie";
            return byId[received.Headers["x-exchange"].Single()].AnswerAsync(context);
        };
        await Parallel.ForAsync(0, Calls, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            using var request = exchanges[i].ToRequest(proxy.Address);
            var canary = string.Create(CultureInfo.InvariantCulture, $"{Mark}-{i:D4}-key");
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + canary);
            foreach (var name in (string[])["x-api-key", "x-goog-api-key", "api-key", "openai-organization", "LlmProxy-Key", "x-custom-token"])
            {
                request.Headers.TryAddWithoutValidation(name, canary);
            }

            request.Headers.TryAddWithoutValidation("Cookie", "session=" + canary);
            var target = request.RequestUri!.OriginalString;
            request.RequestUri = new Uri($"{target}{(target.Contains('?', StringComparison.Ordinal) ? '&' : '?')}key={canary}");
            using var answer = await proxy.Client.SendAsync(request, CancellationToken.None);
            await answer.Content.ReadAsByteArrayAsync(CancellationToken.None);
        });

        // What is looked for did pass through.
        Assert.Equal(Calls, proxy.Upstream.Received.Count(r => r.Headers["Authorization"].Single().Contains(Mark, StringComparison.Ordinal) && r.Target.Contains(Mark, StringComparison.Ordinal)));
    }

    /// <summary>Looks through every file of the proxy and everything that it logged.</summary>
    private static long AssertNoCanaryIn(RunningProxy proxy)
    {
        var bytes = 0L;
        // The spool's lock is held by the proxy, and empty.
        foreach (var file in Directory.GetFiles(proxy.Folder, "*", SearchOption.AllDirectories).Where(f => new FileInfo(f).Length > 0))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var content = new MemoryStream();
            stream.CopyTo(content);
            bytes += content.Length;
            Assert.False(content.ToArray().AsSpan().IndexOf(Encoding.UTF8.GetBytes(Mark)) >= 0, $"{Path.GetFileName(file)} holds a canary");
        }

        Assert.NotEqual(0, proxy.Log.Count);
        Assert.DoesNotContain(Mark, proxy.Log.Text(), StringComparison.OrdinalIgnoreCase);
        return bytes;
    }

    /// <summary>Contents lie compressed in the database, so they are read back as well.</summary>
    private static async Task AssertNoCanaryInRunsAsync(RunningProxy proxy)
    {
        var reader = proxy.Services.GetRequiredService<TrajectoryReader>();
        string? cursor = null;
        var steps = 0;
        do
        {
            var page = await proxy.Store.ListAsync(new TrajectoryQuery("default") { Limit = 200, Cursor = cursor }, CancellationToken.None);
            foreach (var run in page.Items)
            {
                Assert.DoesNotContain(Mark, JsonSerializer.Serialize(run), StringComparison.OrdinalIgnoreCase);
                foreach (var step in await reader.ReadAsync(run.Id, CancellationToken.None))
                {
                    steps++;
                    var texts = step.Messages.Select(m => m.Message).Append(step.Reply).OfType<LlmProxy.Wire.ConversationMessage>().Select(m => Encoding.UTF8.GetString(m.Json.Span));
                    Assert.DoesNotContain(Mark, string.Concat(texts) + step.SystemPrompt + step.SentSystemPrompt + JsonSerializer.Serialize(step.Step), StringComparison.OrdinalIgnoreCase);
                }
            }

            cursor = page.NextCursor;
        }
        while (cursor is not null);
        Assert.InRange(steps, Calls / 2, Calls);
    }
}
