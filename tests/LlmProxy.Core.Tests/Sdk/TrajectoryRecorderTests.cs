using LlmProxy.Core.Recording;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Sdk;

/// <summary>The recorder of the SDK, by its public methods.</summary>
public sealed class TrajectoryRecorderTests
{
    [Fact]
    public async Task A_task_that_the_application_records_is_the_trajectory_that_the_proxy_would_have_made()
    {
        // 1. Through the proxy.
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);
        var proxied = (await proxy.Store.FindTaskAsync("default", id, default))!;
        var proxiedSteps = await proxy.ReadStepsAsync(proxied);

        // 2. The same conversation by the application.
        await using var lab = new SdkLab();
        var question = new ChatMessage(ChatRole.User, ApiTestRuns.Task);
        AITool[] tools = [AIFunctionFactory.CreateDeclaration("list_files", "Lists files.", System.Text.Json.JsonDocument.Parse("""{"type":"object","properties":{"folder":{"type":"string"}}}""").RootElement)];
        var first = new ChatResponse(new ChatMessage(ChatRole.Assistant, [new TextContent("I look first."), new FunctionCallContent("toolu_1", "list_files", new Dictionary<string, object?> { ["folder"] = "reports" })]))
        {
            ResponseId = "msg_1",
            ModelId = "claude-sonnet-4-6",
            FinishReason = ChatFinishReason.ToolCalls,
            Usage = new UsageDetails { InputTokenCount = 100, OutputTokenCount = 20 },
        };
        var second = new ChatResponse(new ChatMessage(ChatRole.Assistant, "It is done."))
        {
            ResponseId = "msg_2",
            ModelId = "claude-sonnet-4-6",
            FinishReason = ChatFinishReason.Stop,
            Usage = new UsageDetails { InputTokenCount = 150, OutputTokenCount = 10 },
        };
        await lab.Recorder.StartTrajectoryAsync("mine", "anthropic", "claude-sonnet-4-6");
        var one = await lab.Recorder.RecordIterationAsync("mine", new IterationSnapshot { SystemPrompt = "You keep files in order.", Tools = tools, Messages = [question], Response = first });
        var two = await lab.Recorder.RecordIterationAsync(
            "mine",
            new IterationSnapshot { SystemPrompt = "You keep files in order.", Tools = tools, Messages = [question, .. first.Messages, new ChatMessage(ChatRole.Tool, [new FunctionResultContent("toolu_1", "q3.pdf")])], Response = second });
        var result = await lab.Recorder.CompleteTrajectoryAsync("mine", success: true);

        Assert.Equal((new IterationReceipt("mine", 1, true, null), new IterationReceipt("mine", 2, true, null)), (one, two));
        Assert.True(result!.Recorded);
        var recorded = await lab.FindRunAsync("mine");
        Assert.Equal(Plain(proxied), Plain(recorded));
        Assert.Equal(proxied.ToolsUsed, recorded.ToolsUsed);
        var steps = await lab.ReadStepsAsync(recorded);
        Assert.Equal(proxiedSteps.Select(PlainStep), steps.Select(PlainStep));
        Assert.Equal(await ExportAsync(proxy.Services.GetRequiredService<TrajectoryExporter>()), await ExportAsync(lab.Exporter));

        static Trajectory Plain(Trajectory run) => run with
        {
            Id = "",
            TaskId = "",
            ConversationId = "",
            Client = "",
            Version = null,
            ToolsUsed = [],
            AnsweredBy = [],
            ExampleIds = [],
            StartedAt = default,
            LastActivityAt = default,
            CompletedAt = null,
        };

        static object PlainStep(StepView view) => (
            view.Step.Index, view.Step.Dialect, view.Step.Model, view.Step.StopReason, view.Step.ResponseId, view.Step.TokenUsage, view.Step.HistoryKept, view.Step.HttpStatus, view.Step.Status,
            view.SystemPrompt, string.Join('|', view.Messages.Select(m => $"{m.Message.Role} {m.IsForeign} {m.Message.Text} {Results(m.Message.ToolResults)}")),
            view.Reply!.Text, string.Join(',', view.Reply.ToolCalls.Select(c => (c.Id, c.Name, c.Arguments))), Results(view.ToolResults));

        static string Results(IEnumerable<ToolResult> results) => string.Join(',', results.Select(r => (r.Id, r.Content, r.IsError, r.HasImage)));

        static async Task<string> ExportAsync(TrajectoryExporter exporter)
        {
            var lines = new List<string>();
            await foreach (var item in exporter.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi), default))
            {
                if (item is ExportLine line)
                {
                    lines.Add(System.Text.Encoding.UTF8.GetString(line.Json.Span));
                }
            }

            return Assert.Single(lines);
        }
    }

    [Fact]
    public async Task Interventions_and_stated_metrics_go_into_the_score()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);

        await lab.Recorder.RecordUserInterventionAsync("taught");
        var done = await lab.Recorder.CompleteTrajectoryAsync("taught", success: true, new StatedMetrics(ErrorRate: 0.6, ClickAccuracy: 0.3, UserInterventions: null, IterationCount: null), "Took two tries");

        // 1 - 0.3 - 0.2 * (0.6 - 0.1) - 0.2 * (0.8 - 0.3)
        Assert.Equal(0.5, done!.Trajectory.QualityScore!.Value, 10);
        Assert.Equal(("Took two tries", OutcomeSource.Api), (done.Trajectory.Comment, done.Trajectory.OutcomeSource!.Value));
        Assert.Null(await lab.Recorder.RecordUserInterventionAsync("unknown"));
    }

    [Fact]
    public async Task Active_tasks_are_counted_and_a_cancelled_one_leaves_nothing_of_its_content()
    {
        await using var lab = new SdkLab();
        await lab.Recorder.RecordIterationAsync("one", new IterationSnapshot { Model = "claude-sonnet-4-6", Messages = [WeatherTask.Asked()], Response = WeatherTask.Calls() });
        await lab.Recorder.RecordIterationAsync("two", new IterationSnapshot { Model = "claude-sonnet-4-6", Messages = [WeatherTask.Asked("And in Oslo?")], Response = WeatherTask.Calls("call_2") });
        await lab.SettleAsync();
        Assert.Equal(2, await lab.Recorder.GetActiveCountAsync());

        var cancelled = await lab.Recorder.CancelTrajectoryAsync("one");
        await lab.Recorder.CompleteTrajectoryAsync("two", success: true);

        Assert.Equal((TrajectoryStatus.Cancelled, false, (NotRecordedReason?)NotRecordedReason.Cancelled), (cancelled!.Trajectory.Status, cancelled.Recorded, cancelled.Reason));
        Assert.Empty(await lab.ReadStepsAsync(cancelled.Trajectory));
        Assert.Equal(0, await lab.Recorder.GetActiveCountAsync());
        var statistics = await lab.Recorder.GetStatisticsAsync();
        Assert.Equal((1, 1.0, 120), (statistics.Total, statistics.SuccessRate!.Value, statistics.AverageMetrics.TokensPerSuccess!.Value));
        Assert.Equal(0, (await lab.Recorder.GetStatisticsAsync(new StatisticsQuery("default") { Model = "gpt-4o" })).Total);
        Assert.Equal(0, (await lab.Recorder.ForTenant("other").GetStatisticsAsync()).Total);
    }

    [Fact]
    public async Task A_result_with_an_exception_counts_as_failed_and_images_are_kept()
    {
        await using var lab = new SdkLab();
        var call = WeatherTask.Calls();
        var picture = new DataContent(new byte[] { 1, 2, 3 }, "image/png");
        await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Model = "claude-sonnet-4-6", Tools = [WeatherTask.Tool], Messages = [new ChatMessage(ChatRole.User, [new TextContent("What is this?"), picture])], Response = call });
        await lab.Recorder.RecordIterationAsync(
            "task",
            new IterationSnapshot
            {
                Model = "claude-sonnet-4-6",
                Tools = [WeatherTask.Tool],
                Messages = [new ChatMessage(ChatRole.User, [new TextContent("What is this?"), picture]), .. call.Messages, new ChatMessage(ChatRole.Tool, [new FunctionResultContent("call_1", null) { Exception = new TimeoutException("no answer from the station") }])],
                Response = WeatherTask.Answers(),
            });

        var run = await lab.FindRunAsync("task");
        Assert.Equal((2, 1, 1, 1.0), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults, run.ErrorRate));
        Assert.Equal(new TokenUsage(250, 30, 40, 0, 5), run.TokenUsage);
        var steps = await lab.ReadStepsAsync(run);
        Assert.Contains("\"data\":\"AQID\"", System.Text.Encoding.UTF8.GetString(steps[0].Messages[0].Message.Json.Span), StringComparison.Ordinal);
        Assert.Equal(("no answer from the station", true), (steps[0].ToolResults[0].Content, steps[0].ToolResults[0].IsError));
    }

    [Fact]
    public async Task Iterations_may_bring_new_messages_only()
    {
        await using var lab = new SdkLab();
        var call = WeatherTask.Calls();
        await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Model = "claude-sonnet-4-6", HasNewMessagesOnly = true, Messages = [WeatherTask.Asked()], Response = call });
        await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Model = "claude-sonnet-4-6", HasNewMessagesOnly = true, Messages = [WeatherTask.Result()], Response = WeatherTask.Answers() });

        var steps = await lab.ReadStepsAsync(await lab.FindRunAsync("task"));

        Assert.Equal([0, 2], steps.Select(s => s.Step.HistoryKept));
        Assert.Equal("Rain, 11 degrees", steps[0].ToolResults.Single().Content);
    }

    [Fact]
    public async Task Content_of_models_that_are_not_recorded_is_not_kept_and_their_metrics_are()
    {
        await using var lab = new SdkLab();
        Assert.True(lab.Recorder.IsEnabled);
        Assert.True(lab.Recorder.ShouldRecord("anthropic"));
        Assert.False(lab.Recorder.ShouldRecord("openai"));
        await lab.Recorder.StartTrajectoryAsync("task", "openai", "my-own-model", "Tell the weather");
        var answer = WeatherTask.Answers();
        answer.ModelId = "my-own-model";
        await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Messages = [WeatherTask.Asked()], Response = answer, Duration = TimeSpan.FromSeconds(90) });

        var done = await lab.Recorder.CompleteTrajectoryAsync("task", success: true);

        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.ProviderNotRecorded), (done!.Recorded, done.Reason));
        Assert.Equal(("openai", "my-own-model", 160L), (done.Trajectory.Provider, done.Trajectory.Model, done.Trajectory.TokenUsage?.Total));
        Assert.InRange(done.Trajectory.Duration.TotalSeconds, 89, 120);
    }

    [Fact]
    public async Task Nothing_is_recorded_where_that_is_switched_off()
    {
        await using var lab = new SdkLab(("LlmProxy:Recording:Enabled", "false"));

        var receipt = await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Messages = [WeatherTask.Asked()], Response = WeatherTask.Calls() });

        Assert.False(lab.Recorder.IsEnabled);
        Assert.False(lab.Recorder.ShouldRecord("anthropic"));
        Assert.Equal((false, "recording-disabled"), (receipt.Recorded, receipt.Reason));
        Assert.Null(await lab.Store.FindTaskAsync("default", "task", default));
    }

    [Fact]
    public async Task A_call_without_an_answer_is_a_step_that_failed_and_its_repetition_takes_its_place()
    {
        await using var lab = new SdkLab();
        await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Model = "claude-sonnet-4-6", Messages = [WeatherTask.Asked()] });
        Assert.Equal(StepStatus.UpstreamRefused, (await lab.ReadStepsAsync(await lab.FindRunAsync("task"))).Single().Step.Status);

        var again = await lab.Recorder.RecordIterationAsync("task", new IterationSnapshot { Model = "claude-sonnet-4-6", Messages = [WeatherTask.Asked()], Response = WeatherTask.Answers() });

        Assert.Equal(1, again.Iteration);
        Assert.Equal(StepStatus.Ok, (await lab.ReadStepsAsync(await lab.FindRunAsync("task"))).Single().Step.Status);
    }

    [Fact]
    public async Task Recorded_runs_are_exported_for_fine_tuning()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);
        var path = Path.Combine(lab.Folder, "training.jsonl");

        var result = await lab.Exporter.ExportForFineTuningAsync(new ExportRequest("default", ExportFormat.Trl), path);

        Assert.Equal((1, true), (result.Added, result.Training.Report.IsValid));
        Assert.Contains("A raincoat.", await File.ReadAllTextAsync(path), StringComparison.Ordinal);
    }
}
