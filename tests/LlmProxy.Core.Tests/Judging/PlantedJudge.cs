using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;

namespace LlmProxy.Tests.Judging;

/// <summary>A judge with known faults. It sees the truth in the run's last result: <c>all tests pass</c> or <c>2 tests fail</c>.</summary>
internal sealed class PlantedJudge(int seed) : IChatClient
{
    private readonly Random _random = new(seed);

    /// <summary>Share of verdicts that are wrong, at random.</summary>
    public double Wrong { get; init; }

    /// <summary>Share of calls in which the first run wins whatever it did.</summary>
    public double PrefersFirst { get; init; }

    /// <summary>Whether the longer run is the better one.</summary>
    public bool PrefersLong { get; init; }

    public List<string> Questions { get; } = [];

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var question = messages.Last().Text;
        Questions.Add(question);
        var text = question.Contains("<run A", StringComparison.Ordinal) ? Compare(question) : Judge(question);
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, text)) { Usage = new UsageDetails { InputTokenCount = 100, OutputTokenCount = 10 } });
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }

    private bool IsGood(string run)
    {
        var good = PrefersLong ? run.Length > 1_500 : run.Contains("all tests pass", StringComparison.Ordinal);
        return _random.NextDouble() < Wrong ? !good : good;
    }

    private string Judge(string run)
    {
        var good = IsGood(run);
        var quote = (run.Contains("all tests pass", StringComparison.Ordinal) ? "all tests pass" : "2 tests fail");
        var items = LlmProxy.Core.Judging.JudgeRubric.Items.Select(item => item.Id == "wrong_result" && !good
            ? $$"""
              "{{item.Id}}": {"answer": "yes", "step": 2, "quote": "{{quote}}"}
              """
            : $$"""
              "{{item.Id}}": {"answer": "no", "step": null, "quote": null}
              """);
        return $$"""
            ```json
            {"items": { {{string.Join(", ", items)}} }, "critique": "Short."}
            ```
            """;
    }

    private string Compare(string question)
    {
        var runs = Regex.Matches(question, @"<run (?<label>[A-D]) (?<mark>\w+)>(?<run>.*?)</run \k<label> \k<mark>>", RegexOptions.Singleline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(10));
        var first = _random.NextDouble() < PrefersFirst;
        var scores = new StringBuilder();
        foreach (var run in runs.ToList())
        {
            var score = first ? (run.Groups["label"].Value == "A" ? 1.0 : 0.2) : IsGood(run.Groups["run"].Value) ? 0.9 : 0.3;
            scores.Append(CultureInfo.InvariantCulture, $"{(scores.Length > 0 ? ", " : "")}\"{run.Groups["label"].Value}\": {score}");
        }

        return $$"""
            {"reason": "Short.", "scores": { {{scores}} } }
            """;
    }
}
