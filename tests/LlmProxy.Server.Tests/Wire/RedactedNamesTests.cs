using System.Net;
using System.Text;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Experiments;
using LlmProxy.Tests.Api;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Wire;

/// <summary>Secrets in what is stored besides content: ids, names, edited examples, pinned prompts. Each part has a secret of its own.</summary>
public sealed class RedactedNamesTests
{
    private const string Placeholder = "[redacted:github-token:";

    [Fact]
    public async Task Ids_and_names_of_a_call_are_stored_without_their_secrets()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var reply = ApiTestRuns.FirstReply.Replace("list_files", "look-" + Secret('t'), StringComparison.Ordinal).Replace("\"model\":\"claude-sonnet-4-6\"", $"\"model\":\"claude-{Secret('r')}\"", StringComparison.Ordinal);
        proxy.Upstream.AnswerWith(reply);
        using var answer = await proxy.PostAsync(
            "/anthropic/v1/messages",
            $$$"""{"model":"claude-{{{Secret('m')}}}","max_tokens":9,"messages":[{"role":"user","content":"Look around"}]}""",
            ("LlmProxy-Task", "task-" + Secret('i')),
            ("LlmProxy-Task-Description", "Use " + Secret('d')),
            ("User-Agent", "claude-cli/2.0.1 (external, cli) " + Secret('u')));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await proxy.SettleAsync();

        // The answer names the task by the id that the client chose or by its placeholder; both find it.
        var run = await proxy.Tasks.FindAsync("default", "task-" + Secret('i'), CancellationToken.None);
        Assert.NotNull(run);
        var step = Assert.Single(await proxy.ReadStepsAsync(run)).Step;

        Assert.All(
            new Dictionary<string, string>
            {
                ["task"] = run.TaskId,
                ["conversation"] = run.ConversationId,
                ["description"] = run.TaskDescription,
                ["client"] = run.Client,
                ["model"] = run.Model,
                ["step's model"] = step.Model,
                ["tool"] = Assert.Single(run.ToolsUsed),
            },
            part => Assert.True(part.Value.Contains(Placeholder, StringComparison.Ordinal) && !part.Value.Contains("ghp_", StringComparison.Ordinal), part.Key + ": " + part.Value));
        await AssertNotStoredAsync(proxy, "timrdu");
    }

    [Fact]
    public async Task A_session_id_is_stored_without_its_secret()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy, headers: [("X-Claude-Code-Session-Id", "session-" + Secret('s'))]);
        await proxy.SettleAsync();

        var run = await proxy.Tasks.FindAsync("default", id, CancellationToken.None);

        Assert.Contains(Placeholder, run!.SessionId, StringComparison.Ordinal);
        await AssertNotStoredAsync(proxy, "s");
    }

    [Fact]
    public async Task A_task_that_is_opened_and_completed_over_the_api_is_stored_without_secrets()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var started = await proxy.PostAsync("/_llmproxy/tasks", $$"""{"taskId":"task-{{Secret('i')}}","description":"Use {{Secret('d')}}","provider":"anthropic","model":"claude-{{Secret('m')}}"}""");
        using var completed = await proxy.PostAsync($"/_llmproxy/tasks/task-{Secret('i')}/complete", $$"""{"success":true,"comment":"Done with {{Secret('c')}}"}""");
        Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
        Assert.True(completed.IsSuccessStatusCode, await completed.Content.ReadAsStringAsync());
        await proxy.SettleAsync();

        var run = await proxy.Tasks.FindAsync("default", "task-" + Secret('i'), CancellationToken.None);

        Assert.All([run!.TaskId, run.TaskDescription, run.Model, run.Comment!], text => Assert.Contains(Placeholder, text, StringComparison.Ordinal));
        await AssertNotStoredAsync(proxy, "idmc");
    }

    [Fact]
    public async Task An_edited_example_is_stored_and_shown_without_its_secrets()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await LongRun.RecordClaudeAsync(proxy, ApiTestRuns.Task);

        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(proxy.Address, "/_llmproxy/examples/" + id))
        {
            Content = new StringContent(
                $$"""{"taskDescription":"File {{Secret('d')}}","edited":{"task":"{{Secret('e')}}","outcome":"{{Secret('o')}}","steps":[{"reasoning":"{{Secret('r')}}","tool":"look","arguments":"--key {{Secret('a')}}","result":"{{Secret('s')}}"} ]} }""",
                Encoding.UTF8,
                "application/json"),
        };
        using var answer = await proxy.Client.SendAsync(request);
        var shown = await answer.Content.ReadAsStringAsync();

        Assert.True(answer.IsSuccessStatusCode, shown);
        Assert.DoesNotContain("ghp_", shown, StringComparison.Ordinal);
        var row = Assert.Single(await proxy.Services.GetRequiredService<IExampleStore>().FindExamplesAsync("default", [id], CancellationToken.None));
        Assert.Contains(Placeholder, row.TaskDescription, StringComparison.Ordinal);
        Assert.Equal(5, row.EditedJson!.Split(Placeholder).Length - 1);
        await AssertNotStoredAsync(proxy, "deoras");
    }

    [Fact]
    public async Task A_pinned_prompt_is_stored_without_secrets()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("""{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"Done."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}""");
        using var answer = await proxy.PostAsync(
            "/openai/v1/chat/completions",
            $$"""{"model":"gpt-4o","messages":[{"role":"system","content":"You keep files."},{"role":"user","content":"Use {{Secret('d')}}"}],"tools":[{"type":"function","function":{"name":"list_files","description":"Needs {{Secret('t')}}","parameters":{"type":"object"} } }]}""",
            ("LlmProxy-Task", "pinned"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await proxy.SettleAsync();

        var pin = await proxy.Services.GetRequiredService<IPromptPinStore>().FindPinAsync("default", "pinned", CancellationToken.None);

        Assert.Contains(Placeholder, pin!.ValuesJson, StringComparison.Ordinal);
        await AssertNotStoredAsync(proxy, "dt");
    }

    /// <summary>A secret of its own for each part.</summary>
    private static string Secret(char part) => "gh" + "p_" + new string(part, 3) + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6";

    /// <summary>None is in a file of the store, nor in the log.</summary>
    private static async Task AssertNotStoredAsync(RunningProxy proxy, string parts)
    {
        foreach (var file in Directory.EnumerateFiles(proxy.Folder, "*.db*", SearchOption.AllDirectories))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            await stream.CopyToAsync(bytes);
            var text = Encoding.Latin1.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
            Assert.All(parts, part => Assert.False(text.Contains(Secret(part), StringComparison.Ordinal), $"{part} is in {file}."));
        }

        Assert.DoesNotContain("ghp_", proxy.Log.Text(), StringComparison.Ordinal);
    }
}
