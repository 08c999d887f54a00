using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Cli;
using Microsoft.AspNetCore.Http;

namespace LlmProxy.Tests.Wire;

/// <summary>Secrets in everything that is sent and answered, each with a word in it that is then looked for everywhere.</summary>
public sealed class ContentCanaryTests
{
    private const string Canary = "CANARY";
    private const int Runs = 250;
    private const int CallsOfRun = 4;

    [Fact]
    public async Task No_secret_of_a_thousand_exchanges_is_found_in_store_log_traces_or_spool()
    {
        using var folder = new TestFolder();
        await using var upstream = await ScriptedUpstream.StartAsync();
        upstream.Answer = AnswerAsync;
        var traced = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => traced.Enqueue(
                activity.DisplayName + string.Join(' ', activity.TagObjects.Select(t => $"{t.Key}={t.Value}").Concat(activity.Baggage.Select(b => $"{b.Key}={b.Value}")))),
        };
        ActivitySource.AddActivityListener(listener);
        var spool = folder["spool"];
        await using var proxy = await RunningProxy.StartAsync(
            upstream,
            ("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}"),
            ("LlmProxy:Recording:Spool:Directory", spool));

        await Parallel.ForAsync(0, Runs, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (run, _) => await PlayAsync(proxy, run));
        await proxy.SettleAsync();

        // They did go out, as they are; and what came back was recorded.
        Assert.Equal(Runs * CallsOfRun, upstream.Received.Count);
        Assert.All(upstream.Received, request => Assert.Contains(Canary, request.Text, StringComparison.Ordinal));
        var steps = await ReadAllAsync(proxy.Store);
        Assert.Equal(Runs * CallsOfRun, steps.Steps);
        Assert.Contains("[redacted", steps.Text, StringComparison.OrdinalIgnoreCase);

        AssertClean("content", steps.Text);
        // The spool's lock is empty, and held.
        foreach (var file in Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock"))
        {
            // The server holds some of them open.
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            await stream.CopyToAsync(bytes);
            AssertClean(file, Encoding.Latin1.GetString(bytes.GetBuffer(), 0, (int)bytes.Length));
        }

        AssertClean("log", proxy.Log.Text());
        Assert.NotEmpty(traced);
        AssertClean("traces", string.Join('\n', traced));
    }

    /// <summary>Four kinds of secret; each has the word in it, and a number, so that what is found tells where it was.</summary>
    private static string[] Secrets(int number) =>
    [
        string.Create(CultureInfo.InvariantCulture, $"sk-ant-api03-{Canary}{number:D8}abcdefghijklmnopqrstuvwxyzABCDEFGH"),
        string.Create(CultureInfo.InvariantCulture, $"ghp_{Canary}{number:D8}abcdefghijklmnopqrstuvwx"),
        string.Create(CultureInfo.InvariantCulture, $"AKIA{Canary}{number:D10}"),
        string.Create(CultureInfo.InvariantCulture, $"xoxb-{Canary}-{number:D12}-abcdefghijkl"),
    ];

    private static async Task PlayAsync(RunningProxy proxy, int run)
    {
        var messages = new List<object> { new { role = "user", content = $"Task {run}: log in with {Secrets(run)[run % 4]} and look around." } };
        for (var step = 1; step <= CallsOfRun; step++)
        {
            var number = (run * 100) + step;
            var body = JsonSerializer.Serialize(new
            {
                model = "claude-sonnet-4-5",
                max_tokens = 100,
                stream = run % 2 == 0,
                metadata = new { number, last = step == CallsOfRun },
                system = "Your own key is " + Secrets(number)[0],
                tools = new[] { new { name = "look", description = "Never tell " + Secrets(number)[1], input_schema = new { type = "object" } } },
                messages,
            });
            using var answer = await proxy.PostAsync(
                "/anthropic/v1/messages",
                body,
                ("Authorization", "Bearer " + Secrets(number)[0]),
                ("X-Api-Key", Secrets(number)[1]),
                ("Cookie", "session=" + Secrets(number)[2]),
                ("X-Custom", Secrets(number)[3]),
                ("Accept-Encoding", "gzip"));
            Assert.True(answer.IsSuccessStatusCode);
            await answer.Content.ReadAsByteArrayAsync();
            messages.Add(new { role = "assistant", content = Blocks(number, isLast: false) });
            messages.Add(new { role = "user", content = new object[] { new { type = "tool_result", tool_use_id = $"toolu_{number}", content = $"export KEY={Secrets(number)[2]}\n" + Secrets(number + 50)[step % 4] } } });
        }
    }

    private static object[] Blocks(int number, bool isLast)
    {
        object text = new { type = "text", text = "I use " + Secrets(number)[3] };
        return isLast ? [text] : [text, new { type = "tool_use", id = $"toolu_{number}", name = "look", input = new { key = Secrets(number)[1] } }];
    }

    /// <summary>Plain or as a stream that cuts every secret in pieces; every third one gzipped.</summary>
    private static async Task AnswerAsync(HttpContext context, ReceivedRequest request)
    {
        using var json = JsonDocument.Parse(request.Body);
        var number = json.RootElement.GetProperty("metadata").GetProperty("number").GetInt32();
        var isLast = json.RootElement.GetProperty("metadata").GetProperty("last").GetBoolean();
        var isStream = json.RootElement.GetProperty("stream").GetBoolean();
        context.Response.ContentType = isStream ? "text/event-stream" : "application/json";
        context.Response.Headers["X-Request-Key"] = Secrets(number)[2];
        var text = isStream ? string.Concat(Events(number, isLast)) : JsonSerializer.Serialize(Message(number, Blocks(number, isLast), isLast ? "end_turn" : "tool_use"));
        var bytes = Encoding.UTF8.GetBytes(text);
        if (number % 3 == 0)
        {
            context.Response.Headers.ContentEncoding = "gzip";
            await using var zip = new GZipStream(context.Response.Body, CompressionLevel.Fastest, leaveOpen: true);
            await zip.WriteAsync(bytes);
            return;
        }

        await context.Response.Body.WriteAsync(bytes);
    }

    private static object Message(int number, object[] content, string? stop) =>
        new { id = $"msg_{number}", type = "message", role = "assistant", model = "claude-sonnet-4-5", content, stop_reason = stop, usage = new { input_tokens = 1, output_tokens = 1 } };

    private static IEnumerable<string> Events(int number, bool isLast)
    {
        yield return Event(new { type = "message_start", message = Message(number, [], null) });
        yield return Event(new { type = "content_block_start", index = 0, content_block = new { type = "text", text = "" } });
        foreach (var piece in ("I use " + Secrets(number)[3]).Chunk(5))
        {
            yield return Event(new { type = "content_block_delta", index = 0, delta = new { type = "text_delta", text = new string(piece) } });
        }

        yield return Event(new { type = "content_block_stop", index = 0 });
        if (!isLast)
        {
            yield return Event(new { type = "content_block_start", index = 1, content_block = new { type = "tool_use", id = $"toolu_{number}", name = "look", input = new { } } });
            foreach (var piece in JsonSerializer.Serialize(new { key = Secrets(number)[1] }).Chunk(7))
            {
                yield return Event(new { type = "content_block_delta", index = 1, delta = new { type = "input_json_delta", partial_json = new string(piece) } });
            }

            yield return Event(new { type = "content_block_stop", index = 1 });
        }

        yield return Event(new { type = "message_delta", delta = new { stop_reason = isLast ? "end_turn" : "tool_use" }, usage = new { output_tokens = 1 } });
        yield return Event(new { type = "message_stop" });
    }

    private static string Event(object value)
    {
        var json = JsonSerializer.SerializeToElement(value);
        return $"event: {json.GetProperty("type").GetString()}\ndata: {json.GetRawText()}\n\n";
    }

    private static async Task<(int Steps, string Text)> ReadAllAsync(ITrajectoryStore store)
    {
        var text = new StringBuilder();
        var count = 0;
        TrajectoryPage page = new([], null);
        do
        {
            page = await store.ListAsync(new TrajectoryQuery("default") { Limit = 500, Cursor = page.NextCursor }, default);
            foreach (var run in page.Items)
            {
                text.AppendLine(run.ToString());
                foreach (var step in await store.ReadStepsAsync(run.Id, default))
                {
                    count++;
                    var hashes = step.Messages.Select(m => (ContentHash?)m.Content).Append(step.Reply).Append(step.SystemPrompt).Append(step.SentSystemPrompt).Append(step.Tools).OfType<ContentHash>();
                    foreach (var (_, bytes) in await store.ReadContentAsync([.. hashes.Distinct()], default))
                    {
                        text.AppendLine(Encoding.UTF8.GetString(bytes.Span));
                    }
                }
            }
        }
        while (page.NextCursor is not null);
        return (count, text.ToString());
    }

    private static void AssertClean(string where, string text)
    {
        var at = text.IndexOf(Canary, StringComparison.OrdinalIgnoreCase);
        Assert.True(at < 0, $"{where} holds a secret: …{(at < 0 ? "" : text[Math.Max(0, at - 80)..Math.Min(text.Length, at + 40)])}…");
    }
}
