using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Retrieval;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>What a person reads about an outcome, and how it is corrected.</summary>
public sealed class OutcomeExplanationTests
{
    [Theory]
    [InlineData(OutcomeSource.Human, true, "stated", "Succeeded: a person stated it (key anna).", "--failure")]
    [InlineData(OutcomeSource.Human, false, "stated", "Failed: a person stated it (key anna).", "--success")]
    [InlineData(OutcomeSource.Ci, false, "stated", "Failed: CI or the exit code of a check stated it (key anna).", "--success")]
    [InlineData(OutcomeSource.Api, true, "stated", "Succeeded: a caller of the API stated it (key anna).", "--failure")]
    [InlineData(OutcomeSource.Judge, true, "judged", "Succeeded: a model judged it (key anna). A statement overrules it.", "--failure")]
    [InlineData(OutcomeSource.Agent, true, "claimed", "Succeeded: the agent itself claims it (key anna), which is no proof. A statement or judgement overrules it.", "--failure")]
    [InlineData(OutcomeSource.Inferred, null, "inferred", "Not verified: success has an estimated probability of 72 %. It is in no success rate.", "--success")]
    [InlineData(OutcomeSource.Error, false, "error", "Failed: the last call ended with an error and no other followed.", "--success")]
    public void Each_source_says_who_decided_and_how_to_correct_it(OutcomeSource source, bool? success, string kind, string text, string option)
    {
        var run = TestRuns.Run("run", "Task") with { OutcomeSource = source, Success = success, StatedBy = "anna", SuccessProbability = success is null ? 0.72 : null, TaskId = "t-1" };

        var outcome = OutcomeExplanationDto.Of(run);

        Assert.Equal((kind, text, $"llmproxy tasks outcome t-1 {option}", "POST /_llmproxy/tasks/t-1/complete"), (outcome.Kind, outcome.Text, outcome.Command, outcome.Request));
        Assert.Equal(run.CompletedAt?.UtcDateTime, outcome.At);
    }

    [Fact]
    public void Open_cancelled_and_helpless_tasks_and_odd_ids_have_words_of_their_own()
    {
        var run = TestRuns.Run("run-7", "Task") with { OutcomeSource = null, Success = null, Status = TrajectoryStatus.Active, TaskId = "it's $(mine)" };

        var open = OutcomeExplanationDto.Of(run);
        var cancelled = OutcomeExplanationDto.Of(run with { Status = TrajectoryStatus.Cancelled });
        var help = OutcomeExplanationDto.Of(run with { Status = TrajectoryStatus.NeedsHelp, Success = false, OutcomeSource = OutcomeSource.Agent });

        Assert.Equal(("unknown", null, $"llmproxy tasks outcome {run.Id} --success"), (open.Kind, open.At, open.Command));
        Assert.Equal("POST /_llmproxy/tasks/it%27s%20%24%28mine%29/complete", open.Request);
        Assert.Equal(("unknown", null, null), (cancelled.Kind, cancelled.Command, cancelled.Request));
        Assert.StartsWith("The agent asked for help.", help.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_quotes_evidence_with_its_direction_and_its_command_corrects_the_outcome()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        using var sent = await proxy.PostAsync($"/_llmproxy/tasks/{id}/evidence", """{"verifications":[{"passed":false,"quote":"3 tests failed"}]}""");
        Assert.True(sent.IsSuccessStatusCode);

        var shown = await Llmproxy.RunAsync(proxy, "tasks", "show", id);
        var api = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}");

        Assert.Matches(@"\nOutcome  Not verified: success has an estimated probability of \d+ %\.", shown.Output);
        Assert.Matches(@"(Evidence|  )\s+against -\d\.\d\d verification: .*“3 tests failed”\n", shown.Output);
        Assert.Matches(@"\s+for     \+0\.20 end_of_turn: The turn ended", shown.Output);
        Assert.Contains($"\nCorrect  llmproxy tasks outcome {id} --success (or --failure)\n", shown.Output, StringComparison.Ordinal);
        Assert.Equal("kind text at command request", api["outcome"].Names());
        Assert.Contains(api["evidence"]!.AsArray(), e => (string?)e!["direction"] == "against" && (double)e["weight"]! < 0);

        var command = ((string)api["outcome"]!["command"]!).Split(' ')[1..];
        Assert.Equal(0, (await Llmproxy.RunAsync(proxy, command)).Code);
        var corrected = await Llmproxy.RunAsync(proxy, "tasks", "show", id);

        Assert.Matches(@"\nOutcome  Succeeded: a person stated it\. \(\d{4}-\d\d-\d\d .* UTC\)\n", corrected.Output);
        Assert.DoesNotContain("\nEvidence", corrected.Output, StringComparison.Ordinal);
    }
}
