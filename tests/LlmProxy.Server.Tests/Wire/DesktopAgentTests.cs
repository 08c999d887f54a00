using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Tests.Wire;

/// <summary>A desktop agent of the kind that resends its whole history with a clock in its prompt, for as long as its task takes.</summary>
public sealed class DesktopAgentTests
{
    private const string Rule = "════════════════════════════════";
    private const string Task = "Download the October invoice from the supplier's web shop ";
    private const string Tail = Rule + "\nOPERATING PRINCIPLES\n" + Rule + "\n1. Observe first.\n7. Verify.\n7. Click with care.\n\n" + Rule + "\nPRIMARY TOOLS\n" + Rule + "\ncomputer_application opens a program; see OPERATING PRINCIPLES.";

    [Theory]
    [InlineData("chat")]
    [InlineData("responses")]
    public async Task The_section_stands_once_right_before_the_boxed_operating_principles_in_each_of_thirty_steps(string dialect)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var example = await LongRun.RecordClaudeAsync(proxy, Task.Replace("October", "September", StringComparison.Ordinal));
        var run = new LongRun(dialect, "gpt-4o", Task);
        string? section = null;
        string? taskId = null;
        for (var step = 1; step <= 30; step++)
        {
            var head = string.Create(CultureInfo.InvariantCulture, $"\nYou are **Desk**, an engineer at a workstation.\nCurrent date: 11/22/2026. Current time: 10:{10 + step}:0{step % 10} AM. Timezone: Europe/Berlin.\n\n{Rule}\nWORKSTATION SNAPSHOT\n{Rule}\nA browser and a mail program are open.\n\n");
            var intervention = step % 5 == 0 ? string.Create(CultureInfo.InvariantCulture, $"**SYSTEM INTERVENTION**: You have been processing this task for {step} iterations. Say what is missing.") : null;
            proxy.Upstream.AnswerWith(run.Answer(step));

            using var answer = await proxy.PostAsync(run.Path, run.Request(step, head + Tail, intervention));

            var prompt = run.SystemText(proxy.Upstream.Last.Text);
            Assert.StartsWith(head, prompt, StringComparison.Ordinal);
            Assert.EndsWith(Tail, prompt, StringComparison.Ordinal);
            var own = prompt[head.Length..^Tail.Length];
            Assert.Equal(2, own.Split("<recorded_run id=").Length);
            Assert.Contains("September", own, StringComparison.Ordinal);
            Assert.Contains(LongRun.Tool, own, StringComparison.Ordinal);
            Assert.DoesNotContain("OPERATING PRINCIPLES", own, StringComparison.Ordinal);
            Assert.DoesNotContain(Rule, own, StringComparison.Ordinal);
            Assert.Equal(section ??= own, own);
            Assert.Equal(taskId ??= answer.Headers.GetValues("LlmProxy-Task").Single(), answer.Headers.GetValues("LlmProxy-Task").Single());
            Assert.Equal(["injected=1"], answer.Headers.GetValues("LlmProxy-Few-Shot-Result"));
            Assert.Equal([example], answer.Headers.GetValues("LlmProxy-Examples"));

            // The rest of the request is the agent's own.
            Assert.Equal(Normal(run.Request(step, head + Tail, intervention)), Normal(proxy.Upstream.Last.Text).Replace(JsonSerializer.Serialize(prompt), JsonSerializer.Serialize(head + Tail), StringComparison.Ordinal));
        }
    }

    private static string Normal(string body) => JsonNode.Parse(body)!.ToJsonString();
}
