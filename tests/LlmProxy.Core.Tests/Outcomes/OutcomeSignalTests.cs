using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Outcomes;

/// <summary>What each signal reads, and what it says.</summary>
public sealed class OutcomeSignalTests
{
    [Theory]
    [InlineData("  42 passed in 1.3s", true)]
    [InlineData("Passed!  - Failed:     0, Passed:    15, Skipped:     0", true)]
    [InlineData("Build succeeded.", true)]
    [InlineData("test result: ok. 12 passed; 0 failed; 0 ignored", true)]
    [InlineData("ok  \texample.com/parser\t0.012s", true)]
    [InlineData("OK (17 tests, 40 assertions)", true)]
    [InlineData("All checks passed!", true)]
    [InlineData("Process exited with code 0", true)]
    [InlineData("BUILD SUCCESSFUL in 4s", true)]
    [InlineData("1 failed, 41 passed in 1.3s", false)]
    [InlineData("Failed!  - Failed:     2, Passed:    13, Skipped:     0", false)]
    [InlineData("src/Lexer.cs(3,5): error CS0246: The type 'Token' could not be found", false)]
    [InlineData("error[E0382]: borrow of moved value", false)]
    [InlineData("index.ts(4,1): error TS2304: Cannot find name 'x'", false)]
    [InlineData("Exit code: 2", false)]
    [InlineData("npm ERR! code ELIFECYCLE", false)]
    [InlineData("--- FAIL: TestParse (0.00s)", false)]
    [InlineData("Traceback (most recent call last):", false)]
    [InlineData("bash: pytest: command not found", false)]
    [InlineData("    0 Error(s)", true)]
    [InlineData("    2 Error(s)", false)]
    [InlineData("Tests:       1 failed, 4 passed, 5 total", false)]
    [InlineData("Tests:       5 passed, 5 total", true)]
    [InlineData("[ERROR] Tests run: 5, Failures: 1, Errors: 0, Skipped: 0", false)]
    [InlineData("[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0", true)]
    [InlineData("FAILED (failures=1)", false)]
    [InlineData("make: *** [Makefile:3: test] Error 2", false)]
    [InlineData("Executed 5 tests, with 0 failures (0 unexpected) in 0.1 seconds", true)]
    [InlineData("10 examples, 1 failure", false)]
    [InlineData("10 examples, 0 failures", true)]
    [InlineData("  2 failing", false)]
    [InlineData("FAIL\texample.com/parser\t0.01s", false)]
    [InlineData("✖ 3 problems (3 errors, 0 warnings)", false)]
    [InlineData("Found 0 errors.", true)]
    [InlineData("The exam was passed by most students", null)]
    [InlineData("I failed to find it", null)]
    [InlineData("0 failed", null)]
    [InlineData("", null)]
    public void A_result_that_reports_a_test_a_build_or_an_exit_code_is_a_verification(string line, bool? passed)
    {
        Assert.Equal(passed, VerificationText.Find(line)?.Passed);
        Assert.Equal(passed, VerificationText.Find($"first line\n{line}\nlast line")?.Passed);
    }

    [Fact]
    public void A_failure_wins_over_a_success_in_the_same_result_and_the_line_is_quoted_in_part()
    {
        var found = VerificationText.Find($"41 passed\n1 failed {new string('x', 300)}\n12 passed");

        Assert.False(found!.Value.Passed);
        Assert.StartsWith("1 failed xxx", found.Value.Quote, StringComparison.Ordinal);
        Assert.Equal(160, found.Value.Quote.Length);
    }

    [Fact]
    public void Verifications_in_long_results_are_found_in_linear_time() =>
        Scaling.AssertLinear(20_000, size => string.Concat(Enumerable.Repeat("1 failedx error exit code ", size / 26)), text => VerificationText.Find(text));

    [Theory]
    [InlineData(ReplyKind.Text, 0.2)]
    [InlineData(ReplyKind.Empty, -3)]
    [InlineData(ReplyKind.Refused, -3)]
    [InlineData(ReplyKind.ReasoningOnly, -2.5)]
    [InlineData(ReplyKind.Cut, -2)]
    [InlineData(ReplyKind.None, -1)]
    public void The_end_of_a_turn_counts_by_what_the_reply_says(ReplyKind kind, double value) =>
        Assert.Equal(value, Read<EndOfTurnSignal>(new TrajectoryOutline { End = kind, Calls = [Call("edit")] })!.Value.Value);

    [Theory]
    [InlineData("refusal", "No.", ReplyKind.Refused)]
    [InlineData("end_turn", "Done.", ReplyKind.Text)]
    [InlineData(null, "Done.", ReplyKind.Text)]
    [InlineData("end_turn", "  \n", ReplyKind.Empty)]
    [InlineData("length", "Half of", ReplyKind.Cut)]
    [InlineData("MAX_TOKENS", "Half of", ReplyKind.Cut)]
    [InlineData("SAFETY", "", ReplyKind.Refused)]
    [InlineData("pause_turn", "I wait", ReplyKind.None)]
    [InlineData("tool_calls", "", ReplyKind.None)]
    public void The_kind_of_a_reply_follows_from_its_text_and_its_stop_reason(string? stopReason, string text, ReplyKind kind) =>
        Assert.Equal(kind, ReplyKinds.Of(new ConversationMessage { Role = "assistant", IsAssistant = true, Json = "{}"u8.ToArray(), Text = text }, stopReason));

    [Fact]
    public void A_turn_without_a_tool_or_with_a_failure_last_is_less_likely_a_success()
    {
        Assert.Equal(-1, Read<EndOfTurnSignal>(new TrajectoryOutline { End = ReplyKind.Text })!.Value.Value);
        Assert.Equal(-1, Read<EndOfTurnSignal>(new TrajectoryOutline { End = ReplyKind.Text, Calls = [Call("edit", CallResult.Failed)] })!.Value.Value);
    }

    [Fact]
    public void Only_a_verification_after_the_last_change_counts()
    {
        var (edit, test, look) = (Call("edit_file"), Call("bash"), Call("read_file"));
        VerificationOutline[] passed = [new(1, true, "3 passed")], failed = [new(1, false, "1 failed")];

        Assert.Null(Read<VerificationSignal>(new TrajectoryOutline { Calls = [edit, test] }));
        Assert.Equal((1.2, "Passed after the last change: “3 passed”"), Read<VerificationSignal>(new TrajectoryOutline { Calls = [edit, test, look], Verifications = passed }));
        Assert.Equal((-2, "Failed after the last change: “1 failed”"), Read<VerificationSignal>(new TrajectoryOutline { Calls = [edit, test], Verifications = failed }));
        Assert.Equal((-0.2, "Not verified after the last change (edit_file)."), Read<VerificationSignal>(new TrajectoryOutline { Calls = [edit, test, edit], Verifications = passed }));
        Assert.Equal(1.2, Read<VerificationSignal>(new TrajectoryOutline { Calls = [edit, test, edit, test], Verifications = [.. failed, new(3, true, "3 passed")] })!.Value.Value);
    }

    [Theory]
    [InlineData("No, that is not what I asked for", -1.5)]
    [InlineData("The build still fails with the same error", -1.5)]
    [InlineData("It doesn't work", -1.5)]
    [InlineData("You forgot the second file", -1.5)]
    [InlineData("[Request interrupted by user for tool use]", -1)]
    [InlineData("stop", -1)]
    [InlineData("Rename the yearly report to 2025 and put it in the archive", -1.5)]
    [InlineData("Thanks, that works", 1)]
    [InlineData("Perfect. Now format the code", 1)]
    [InlineData("No problem, next one: write the changelog", 0)]
    [InlineData("Write a changelog entry for the release", 0)]
    [InlineData("Nein, das ist falsch", 0)]
    public void The_next_turn_is_a_correction_a_repetition_an_interruption_thanks_or_a_new_request(string next, double value) =>
        Assert.Equal(value, new NextTurnSignal().Read(new OutcomeFacts { Outline = new TrajectoryOutline(), Task = "Rename the yearly report to 2025 and put it in the archive", NextUserText = next })!.Value.Value);

    [Fact]
    public void The_same_failing_call_again_is_more_trouble_than_different_ones()
    {
        var same = Read<TroubleSignal>(new TrajectoryOutline { Calls = [.. Enumerable.Repeat(Call("bash", CallResult.Failed, digest: 7), 3), Call("bash", digest: 8)] })!.Value;
        var different = Read<TroubleSignal>(new TrajectoryOutline { Calls = [.. Enumerable.Range(0, 3).Select(i => Call("bash", CallResult.Failed, digest: i)), Call("bash", digest: 8)] })!.Value;

        Assert.True(same.Value < different.Value);
        Assert.Equal("3 of 4 tool results are failures; bash failed 3 times with the same arguments.", same.Text);
        Assert.Equal("3 of 4 tool results are failures.", different.Text);
    }

    [Fact]
    public void What_near_successes_did_and_this_one_did_not_is_named()
    {
        var facts = new OutcomeFacts
        {
            Outline = new TrajectoryOutline { Calls = [Call("get_user"), Call("book_flight")] },
            Near = [.. Enumerable.Range(0, 4).Select(i => new NearTrajectory($"near-{i}", true, 0.5, new TrajectoryOutline { Calls = [Call("book_flight"), Call("send_certificate")] }))],
        };

        Assert.Equal((-1, "The 4 nearest successful trajectories called sendcertificate; this one did not."), new NearSuccessSignal().Read(facts));
        Assert.Null(new NearSuccessSignal().Read(facts with { Near = [.. facts.Near.Take(2)] }));
        Assert.Equal(0, new NearSuccessSignal().Read(facts with { Outline = facts.Near[0].Outline })!.Value.Value);
    }

    [Fact]
    public void Similar_tasks_that_failed_make_a_success_less_likely()
    {
        var near = Enumerable.Range(0, 8).Select(i => new NearTrajectory($"near-{i}", i < 2, 0.5, new TrajectoryOutline())).ToList();

        Assert.Equal((-0.25, "2 of the 8 nearest tasks with a known outcome succeeded."), new SimilarTasksSignal().Read(new OutcomeFacts { Outline = new TrajectoryOutline(), Near = near }));
        Assert.Null(new SimilarTasksSignal().Read(new OutcomeFacts { Outline = new TrajectoryOutline(), Near = near[1..] }));
    }

    [Fact]
    public void An_estimate_adds_up_its_evidence_and_names_the_strongest_first()
    {
        var outline = new TrajectoryOutline { End = ReplyKind.Text, Calls = [Call("edit_file"), Call("bash")], Verifications = [new(1, true, "3 passed")] };

        var estimate = OutcomeEstimator.Estimate(new OutcomeFacts { Outline = outline }, OutcomeModel.Shipped);

        Assert.Equal(["verification", "end_of_turn", "trouble"], estimate.Evidence.Select(e => e.Signal));
        Assert.Equal(1 / (1 + Math.Exp(-(0.62 + estimate.Evidence.Sum(e => e.Weight)))), estimate.Probability, 3);
        Assert.InRange(estimate.Probability, 0.85, 0.92);
    }

    [Fact]
    public void An_outline_survives_the_store_and_a_damaged_one_is_none()
    {
        var outline = new TrajectoryOutline { End = ReplyKind.Cut, StopReason = "length", TextLength = 9, Calls = [Call("edit", CallResult.Failed, 3)], Verifications = [new(0, true, "3 passed")] };

        var read = TrajectoryOutline.Parse(outline.ToJson())!;

        Assert.Equal(outline.Calls, read.Calls);
        Assert.Equal(outline.Verifications, read.Verifications);
        Assert.Equal((outline.End, outline.StopReason, outline.TextLength), (read.End, read.StopReason, read.TextLength));
        Assert.Null(TrajectoryOutline.Parse("{\"calls\":7"));
        Assert.Null(OutcomeModel.Parse("[]"));
    }

    private static (double Value, string Text)? Read<T>(TrajectoryOutline outline)
        where T : IOutcomeSignal, new() => new T().Read(new OutcomeFacts { Outline = outline });

    private static CallOutline Call(string tool, CallResult result = CallResult.Ok, long digest = 0) => new(1, tool, "", digest, result);
}
