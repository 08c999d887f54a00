using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// Providers cache a prompt's beginning. An injected section must cost nothing of that: from step to step a request
/// changes by the bytes by which the agent's own request changes, and by no others.
/// </summary>
public sealed partial class PromptCacheTests(ITestOutputHelper output)
{
    private const int Steps = 20;
    private const string Task = "Find the October invoice in the supplier's web shop and save it to the invoices folder";
    private const string Head = "You operate a desktop for an office.\nCurrent time: CLOCK.\n\n";
    private const string Tail = "════════════════════════════════\nOPERATING PRINCIPLES\n════════════════════════════════\n1. Look before you click.";

    [Theory]
    [InlineData("anthropic")]
    [InlineData("chat")]
    [InlineData("responses")]
    [InlineData("gemini")]
    public async Task Each_step_repeats_as_much_of_the_step_before_as_the_agents_own_request_does(string dialect)
    {
        var own = await PlayAsync(dialect, withClock: false, enhanced: false);
        var enhanced = await PlayAsync(dialect, withClock: false, enhanced: true);

        output.WriteLine($"{dialect,-10} {Steps} steps: share of the bytes sent that equal the step before {Share(own):0.0000} without, {Share(enhanced):0.0000} with examples; changed bytes {Changed(own).Sum()} and {Changed(enhanced).Sum()}");
        Assert.Equal(Changed(own), Changed(enhanced));
        Assert.True(Share(enhanced) >= Share(own));
        Assert.All(enhanced, body => Assert.Equal(SectionLength(own[0], enhanced[0]), body.Length - own[enhanced.IndexOf(body)].Length));
    }

    [Theory]
    [InlineData("anthropic")]
    [InlineData("chat")]
    [InlineData("responses")]
    [InlineData("gemini")]
    public async Task Where_the_agents_own_prompt_holds_a_clock_every_other_byte_stays_as_it_is(string dialect)
    {
        var own = await PlayAsync(dialect, withClock: true, enhanced: false);
        var enhanced = await PlayAsync(dialect, withClock: true, enhanced: true);

        output.WriteLine($"{dialect,-10} {Steps} steps, a clock in the prompt: share {Share(own):0.0000} without, {Share(enhanced):0.0000} with examples; the clock set aside {Share(WithoutClock(own)):0.0000} and {Share(WithoutClock(enhanced)):0.0000}");

        // The clock ends what can be cached at the same byte, and nothing behind it differs but by the agent's own doing.
        Assert.Equal(Common(own), Common(enhanced));
        Assert.Equal(Changed(WithoutClock(own)), Changed(WithoutClock(enhanced)));
        Assert.All(enhanced.Select((body, i) => (body, Clock: Clock(i + 1))), e => Assert.Equal(1, Count(e.body, e.Clock)));
    }

    private static async Task<List<byte[]>> PlayAsync(string dialect, bool withClock, bool enhanced)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Enabled", enhanced ? "true" : "false"));
        await LongRun.RecordClaudeAsync(proxy, Task.Replace("October", "September", StringComparison.Ordinal));
        var run = new LongRun(dialect, "gpt-4o", Task);
        var sent = new List<byte[]>();
        for (var step = 1; step <= Steps; step++)
        {
            proxy.Upstream.AnswerWith(run.Answer(step));
            using var answer = await proxy.PostAsync(run.Path, run.Request(step, Head.Replace("CLOCK", Clock(withClock ? step : 0), StringComparison.Ordinal) + Tail));
            Assert.Equal(enhanced ? "injected=1" : null, answer.Headers.TryGetValues("LlmProxy-Few-Shot-Result", out var result) ? result.Single() : null);
            Assert.Equal(enhanced, run.SystemText(proxy.Upstream.Last.Text).Contains("<recorded_run", StringComparison.Ordinal));
            sent.Add(proxy.Upstream.Last.Body);
        }

        return sent;
    }

    private static string Clock(int step) => string.Create(CultureInfo.InvariantCulture, $"10:41:{step + 10}");

    private static List<byte[]> WithoutClock(List<byte[]> sent) =>
        sent.ConvertAll(body => Encoding.UTF8.GetBytes(AnyClock().Replace(Encoding.UTF8.GetString(body), "10:41:00")));

    private static int Count(byte[] body, string text) => (body.Length - Encoding.UTF8.GetByteCount(Encoding.UTF8.GetString(body).Replace(text, "", StringComparison.Ordinal))) / text.Length;

    /// <summary>Length of the beginning that each request has in common with the one before.</summary>
    private static List<int> Common(List<byte[]> sent) => [.. sent.Skip(1).Zip(sent, (now, before) => now.AsSpan().CommonPrefixLength(before))];

    private static List<int> Changed(List<byte[]> sent) => [.. sent.Skip(1).Zip(Common(sent), (now, common) => now.Length - common)];

    private static double Share(List<byte[]> sent) => (double)Common(sent).Sum() / sent.Skip(1).Sum(body => body.Length);

    private static int SectionLength(byte[] own, byte[] enhanced) => enhanced.Length - own.Length;

    [GeneratedRegex("""10:41:\d\d""", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex AnyClock();
}
