using System.Net;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;
using Microsoft.Extensions.AI;

namespace LlmProxy.Tests.Sdk;

/// <summary>The delegating chat client, around a model that answers by a script.</summary>
public sealed class LearningChatClientTests
{
    private const string Heading = "OPERATING PRINCIPLES";
    private static readonly ChatOptions WithTools = new() { Tools = [WeatherTask.Tool] };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_of_one_task_are_found_by_their_history_and_recorded_whole(bool streaming)
    {
        await using var lab = new SdkLab();
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", () => WeatherTask.Calls(), WeatherTask.Answers);
        using var client = lab.Around(model);
        var history = new List<ChatMessage> { new(ChatRole.System, "You are a weather clerk."), WeatherTask.Asked() };

        var first = await AskAsync(client, history, WithTools, streaming);
        history.AddRange(first.Messages);
        history.Add(WeatherTask.Result());
        var second = await AskAsync(client, history, WithTools, streaming);

        Assert.Equal("A raincoat.", second.Text);
        var task = (string)first.AdditionalProperties![LearningChatClient.TaskKey]!;
        Assert.Equal(task, second.AdditionalProperties![LearningChatClient.TaskKey]);
        var run = await lab.FindRunAsync(task);
        Assert.Equal(("anthropic", "claude-sonnet-4-6", WeatherTask.Question), (run.Provider, run.Model, run.TaskDescription));
        Assert.Equal((2, 1, 0), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults));
        Assert.Equal(new TokenUsage(250, 30, 40, 0, 5), run.TokenUsage);
        Assert.Equal(["get_weather"], run.ToolsUsed);
        var steps = await lab.ReadStepsAsync(run);
        Assert.Equal([StepStatus.Ok, StepStatus.Ok], steps.Select(s => s.Step.Status));
        Assert.Equal(["tool_use", "end_turn"], steps.Select(s => s.Step.StopReason));
        Assert.Equal("You are a weather clerk.", steps[0].SystemPrompt);
        Assert.Equal("""{"city":"Bergen"}""", steps[0].Reply!.ToolCalls.Single().Arguments);
        Assert.Equal("Rain, 11 degrees", steps[0].ToolResults.Single().Content);
        Assert.Contains("\"input_schema\":{\"type\":\"object\"", System.Text.Encoding.UTF8.GetString(steps[0].ToolsJson!.Value.Span), StringComparison.Ordinal);
        Assert.Equal("A raincoat.", steps[1].Reply!.Text);
        Assert.DoesNotContain(steps[1].Messages, m => m.IsForeign);
    }

    [Fact]
    public async Task What_the_application_gives_and_gets_stays_its_own()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", WeatherTask.Answers);
        using var client = lab.Around(model);
        IReadOnlyList<ChatMessage> messages = [new(ChatRole.System, "You are a clerk.\n\n" + Heading), WeatherTask.Asked("What should I wear in Oslo today?")];

        var answer = await client.GetResponseAsync(messages, WithTools);

        // Claude is never enhanced: the very objects reach it.
        Assert.Same(WithTools, model.Last.Options);
        Assert.Equal(messages, model.Last.Messages);
        Assert.False(answer.AdditionalProperties!.ContainsKey(LearningChatClient.FewShotResultKey));
        Assert.Same(client, client.GetService(typeof(LearningChatClient)));
        Assert.Equal("anthropic", ((ChatClientMetadata)client.GetService(typeof(ChatClientMetadata))!).ProviderName);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_of_claude_stands_before_the_operating_principles_of_another_model_in_every_call_of_the_task(bool streaming)
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);
        using var model = new ScriptedModel("gpt-4o", "openai", () => WeatherTask.Calls(), WeatherTask.Answers);
        using var client = lab.Around(model);
        const string Own = "You are a clerk.\n\n" + Heading + "\n1. Be exact.";
        var history = new List<ChatMessage> { new(ChatRole.System, Own) { MessageId = "system-1" }, WeatherTask.Asked("What should I wear in Oslo today?") };

        var first = await AskAsync(client, history, WithTools, streaming);
        var sentFirst = model.Last.Messages;
        await WeatherTask.TeachAsync(lab, "taught-meanwhile");
        history.AddRange(first.Messages);
        history.Add(WeatherTask.Result());
        await AskAsync(client, history, WithTools, streaming);

        var prompt = sentFirst[0].Text;
        Assert.StartsWith("You are a clerk.", prompt, StringComparison.Ordinal);
        Assert.EndsWith(Heading + "\n1. Be exact.", prompt, StringComparison.Ordinal);
        Assert.InRange(prompt.IndexOf("<recorded_run", StringComparison.Ordinal), 1, prompt.IndexOf(Heading, StringComparison.Ordinal));
        Assert.Equal("system-1", sentFirst[0].MessageId);
        Assert.Equal(prompt, model.Last.Messages[0].Text);
        Assert.Equal(history.Skip(1), model.Last.Messages.Skip(1));
        Assert.Equal(Own, history[0].Text);
        Assert.Equal("injected=1", first.AdditionalProperties![LearningChatClient.FewShotResultKey]);
        var taught = await lab.FindRunAsync("taught");
        Assert.Equal(taught.Id, first.AdditionalProperties[LearningChatClient.ExamplesKey]);
        var run = await lab.FindRunAsync((string)first.AdditionalProperties[LearningChatClient.TaskKey]!);
        Assert.Equal([taught.Id], run.ExampleIds);
        Assert.NotNull(run.TemplateSet);
    }

    [Fact]
    public async Task Instructions_are_rewritten_where_they_are_the_system_prompt_and_a_missing_one_is_put_in()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);
        using var model = new ScriptedModel("gpt-4o", "openai", WeatherTask.Answers);
        using var client = lab.Around(model);
        var instructed = new ChatOptions { Tools = [WeatherTask.Tool], Instructions = "You are a clerk." };

        await client.GetResponseAsync([WeatherTask.Asked()], instructed);
        Assert.StartsWith("You are a clerk.", model.Last.Options!.Instructions, StringComparison.Ordinal);
        Assert.Contains("recorded_run", model.Last.Options.Instructions, StringComparison.Ordinal);
        Assert.Equal("You are a clerk.", instructed.Instructions);
        Assert.Single(model.Last.Messages);

        await client.GetResponseAsync([WeatherTask.Asked("What should I wear in Oslo today?")], WithTools);
        Assert.Equal(ChatRole.System, model.Last.Messages[0].Role);
        Assert.Contains("recorded_run", model.Last.Messages[0].Text, StringComparison.Ordinal);

        // With a history on the server's side a message of ours would stay in it.
        await client.GetResponseAsync([WeatherTask.Asked("What should I wear in Tromso today?")], new ChatOptions { Tools = [WeatherTask.Tool], ConversationId = "conversation-1" });
        Assert.Single(model.Last.Messages);
        Assert.Contains("recorded_run", model.Last.Options!.Instructions, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_scope_the_options_and_the_conversation_say_which_task_it_is()
    {
        await using var lab = new SdkLab();
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", WeatherTask.Answers);
        using var client = lab.Around(model);
        var named = new ChatOptions { AdditionalProperties = new() { [LearningChatClient.TaskKey] = "by-option", [LearningChatClient.TaskDescriptionKey] = "Advise on clothes", ["mine"] = 1 } };

        using (TaskScope.Begin("by-scope", "Dress people"))
        {
            await Task.Yield();
            await client.GetResponseAsync([WeatherTask.Asked()], named);
            using (TaskScope.Begin("inner"))
            {
                Assert.Equal("inner", TaskScope.Current!.TaskId);
            }

            Assert.Equal("by-scope", TaskScope.Current!.TaskId);
        }

        Assert.Null(TaskScope.Current);
        await client.GetResponseAsync([WeatherTask.Asked()], named);
        var sent = model.Last.Options!.AdditionalProperties!;
        await client.GetResponseAsync([WeatherTask.Asked()], new ChatOptions { ConversationId = "by-conversation" });

        Assert.Equal("Dress people", (await lab.FindRunAsync("by-scope")).TaskDescription);
        Assert.Equal("Advise on clothes", (await lab.FindRunAsync("by-option")).TaskDescription);
        Assert.Equal(WeatherTask.Question, (await lab.FindRunAsync("by-conversation")).TaskDescription);
        Assert.Equal(["mine"], sent.Keys);
        Assert.Equal(3, named.AdditionalProperties.Count);
    }

    [Fact]
    public async Task A_conversation_whose_id_changes_with_each_answer_stays_one_task()
    {
        await using var lab = new SdkLab();
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", () => InConversation(WeatherTask.Calls(), "answer-1"), () => InConversation(WeatherTask.Answers(), "answer-2"));
        using var client = lab.Around(model);

        var first = await client.GetResponseAsync([WeatherTask.Asked()], WithTools);
        await client.GetResponseAsync([WeatherTask.Result()], new ChatOptions { Tools = [WeatherTask.Tool], ConversationId = first.ConversationId });

        var run = await lab.FindRunAsync((string)first.AdditionalProperties![LearningChatClient.TaskKey]!);
        Assert.Equal(2, run.IterationCount);
        Assert.Equal("Rain, 11 degrees", (await lab.ReadStepsAsync(run))[0].ToolResults.Single().Content);

        static ChatResponse InConversation(ChatResponse response, string id)
        {
            response.ConversationId = id;
            return response;
        }
    }

    [Fact]
    public async Task An_error_reaches_the_application_and_is_the_steps_end()
    {
        await using var lab = new SdkLab();
        var limited = new HttpRequestException("slow down", null, HttpStatusCode.TooManyRequests);
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", () => throw limited, () => throw new IOException("no route"), WeatherTask.Answers);
        using var client = lab.Around(model);

        using (TaskScope.Begin("limited"))
        {
            Assert.Same(limited, await Assert.ThrowsAsync<HttpRequestException>(() => client.GetResponseAsync([WeatherTask.Asked()])));
        }

        using (TaskScope.Begin("unreached"))
        {
            await Assert.ThrowsAsync<IOException>(() => client.GetResponseAsync([WeatherTask.Asked()]));
        }

        Assert.Equal((StepStatus.UpstreamError, 429), Step(Assert.Single(await lab.ReadStepsAsync(await lab.FindRunAsync("limited")))));
        Assert.Equal((StepStatus.UpstreamRefused, 0), Step(Assert.Single(await lab.ReadStepsAsync(await lab.FindRunAsync("unreached")))));

        // The same call again is the same step.
        using (TaskScope.Begin("limited"))
        {
            await client.GetResponseAsync([WeatherTask.Asked()]);
        }

        Assert.Equal((StepStatus.Ok, 200), Step(Assert.Single(await lab.ReadStepsAsync(await lab.FindRunAsync("limited")))));
    }

    [Fact]
    public async Task A_stream_that_breaks_or_is_left_keeps_what_came()
    {
        await using var lab = new SdkLab();
        using var breaking = new ScriptedModel("claude-sonnet-4-6", "anthropic", () => TwoParts()) { BreaksAfter = 1 };
        using var whole = new ScriptedModel("claude-sonnet-4-6", "anthropic", () => TwoParts());
        using var cancelled = new CancellationTokenSource();
        using (TaskScope.Begin("broken"))
        {
            using var client = lab.Around(breaking);
            await Assert.ThrowsAsync<IOException>(() => client.GetStreamingResponseAsync([WeatherTask.Asked()]).ToChatResponseAsync());
        }

        using (TaskScope.Begin("left"))
        {
            using var client = lab.Around(whole);
            await foreach (var update in client.GetStreamingResponseAsync([WeatherTask.Asked()]))
            {
                Assert.Equal("Half of ", update.Text);
                break;
            }
        }

        using (TaskScope.Begin("cancelled"))
        {
            using var client = lab.Around(whole);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var update in client.GetStreamingResponseAsync([WeatherTask.Asked()], cancellationToken: cancelled.Token))
                {
                    await cancelled.CancelAsync();
                }
            });
        }

        foreach (var (task, status) in new[] { ("broken", StepStatus.UpstreamBroke), ("left", StepStatus.ClientLeft), ("cancelled", StepStatus.ClientLeft) })
        {
            var step = Assert.Single(await lab.ReadStepsAsync(await lab.FindRunAsync(task)));
            Assert.Equal((status, "Half of "), (step.Step.Status, step.Reply!.Text));
        }

        // Two messages: each is an update of its own.
        static ChatResponse TwoParts() => new([new ChatMessage(ChatRole.Assistant, "Half of "), new ChatMessage(ChatRole.Assistant, "an answer")]) { ModelId = "claude-sonnet-4-6", FinishReason = ChatFinishReason.Stop };
    }

    [Fact]
    public async Task A_store_that_is_down_harms_no_call()
    {
        await using var lab = new SdkLab(("LlmProxy:Storage:Provider", "postgres"), ("LlmProxy:Storage:ConnectionString", "Host=127.0.0.1;Port=1;Username=x;Database=x;Timeout=1"));
        using var model = new ScriptedModel("gpt-4o", "openai", WeatherTask.Answers);
        using var client = lab.Around(model);

        Assert.Equal("A raincoat.", (await client.GetResponseAsync([WeatherTask.Asked()], WithTools)).Text);
        Assert.Equal("A raincoat.", (await client.GetStreamingResponseAsync([WeatherTask.Asked()], WithTools).ToChatResponseAsync()).Text);

        Assert.NotEmpty(lab.Log.Of(6202));
        Assert.Equal([WeatherTask.Question], model.Last.Messages.Select(m => m.Text));
    }

    [Fact]
    public async Task Arguments_that_cannot_be_written_harm_their_call_alone_and_not_its_answer()
    {
        await using var lab = new SdkLab();
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", WeatherTask.Answers);
        using var client = lab.Around(model);
        var odd = new ChatMessage(ChatRole.Assistant, [new FunctionCallContent("call_1", "get_weather", new Dictionary<string, object?> { ["city"] = typeof(string) })]);

        Assert.Equal("A raincoat.", (await client.GetResponseAsync([WeatherTask.Asked(), odd, WeatherTask.Result()])).Text);
        var next = await client.GetResponseAsync([WeatherTask.Asked()]);

        Assert.NotEmpty(lab.Log.Of(6202));
        Assert.Equal(1, (await lab.FindRunAsync((string)next.AdditionalProperties![LearningChatClient.TaskKey]!)).IterationCount);
    }

    [Fact]
    public async Task A_call_that_is_not_to_be_recorded_is_not()
    {
        await using var lab = new SdkLab();
        using var model = new ScriptedModel("claude-sonnet-4-6", "anthropic", WeatherTask.Answers);
        using var client = lab.Around(model);

        await client.GetResponseAsync([WeatherTask.Asked()], new ChatOptions { AdditionalProperties = new() { [LearningChatClient.TaskKey] = "secret", [LearningChatClient.RecordKey] = "off" } });

        await lab.SettleAsync();
        Assert.Null(await lab.Store.FindTaskAsync("default", "secret", default));
    }

    private static async Task<ChatResponse> AskAsync(LearningChatClient client, List<ChatMessage> history, ChatOptions options, bool streaming) =>
        streaming ? await client.GetStreamingResponseAsync([.. history], options).ToChatResponseAsync() : await client.GetResponseAsync([.. history], options);

    private static (StepStatus Status, int Http) Step(StepView view) => (view.Step.Status, view.Step.HttpStatus);
}
