using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Cli;

/// <summary><c>tasks show</c> on runs of real clients.</summary>
public sealed class ShownRecordedTrajectoryTests(ITestOutputHelper output)
{
    private const int LeastCalls = 2;

    [SharedDataFact]
    public async Task A_real_run_is_shown_as_it_went()
    {
        var runs = RecordedExchange.ReadAll()
            .Where(e => e is { Route: "/anthropic", IsMultiStep: true, Status: 200 } && e.Path.StartsWith("/v1/messages", StringComparison.Ordinal) && IsWhole(e))
            .GroupBy(e => e.Cassette, StringComparer.Ordinal)
            .Select(g => g.OrderBy(e => e.Sequence).ToList())
            .Where(calls => calls.Count >= LeastCalls && calls.Skip(1).All(c => c.ExtendsEarlier))
            .ToList();
        Assert.NotEmpty(runs);
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Tasks:Boundary", "conversation"));
        var answers = runs.SelectMany(calls => calls).ToDictionary(e => e.Id, StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => answers[received.Headers["x-exchange"].Single()].AnswerAsync(context);
        output.WriteLine($"{runs.Count} runs, {answers.Count} calls");
        foreach (var calls in runs)
        {
            var task = "";
            foreach (var call in calls)
            {
                using var request = call.ToRequest(proxy.Address);
                using var answer = await proxy.Client.SendAsync(request);
                task = answer.Headers.GetValues("LlmProxy-Task").Single();
            }

            await proxy.SettleAsync();
            var shown = await Llmproxy.RunAsync(proxy, "tasks", "show", task);

            output.WriteLine($"{calls[0].Cassette}\n{shown.Output}");
            Assert.Equal(0, shown.Code);
            // Long lines are broken at the terminal's width.
            var text = OneLine(shown.Output);
            var at = 0;
            foreach (var word in calls.SelectMany(Words))
            {
                var found = text.IndexOf(word, at, StringComparison.Ordinal);
                Assert.True(found >= 0, $"'{word}' does not follow in:\n{shown.Output}");
                at = found + word.Length;
            }
        }
    }

    private static bool IsWhole(RecordedExchange exchange) => exchange.ContentType?.StartsWith("application/json", StringComparison.Ordinal) == true;

    /// <summary>How the answer begins and what it calls, told without the product's own readers.</summary>
    private static IEnumerable<string> Words(RecordedExchange exchange)
    {
        var blocks = JsonNode.Parse(exchange.Response)!["content"]!.AsArray();
        var said = OneLine((string?)blocks.FirstOrDefault(b => (string?)b!["type"] == "text")?["text"] ?? "");
        yield return said[..Math.Min(said.Length, 40)];
        foreach (var call in blocks.Where(b => (string?)b!["type"] == "tool_use"))
        {
            yield return (string)call!["name"]! + "(";
        }
    }

    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
