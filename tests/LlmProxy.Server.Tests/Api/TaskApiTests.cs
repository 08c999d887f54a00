using System.Net;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

public sealed class TaskApiTests
{
    [Fact]
    public async Task Completing_a_task_answers_its_run_with_score_and_whether_it_is_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        using var answer = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true,"metrics":{"clickAccuracy":0.5},"comment":"fine"}""");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var run = await answer.JsonAsync();
        Assert.Equal(id, (string?)run["taskId"]);
        Assert.Equal("completed", (string?)run["status"]);
        Assert.True((bool?)run["success"]);
        Assert.Equal(0.94, (double?)run["qualityScore"]);
        Assert.Equal("api", (string?)run["outcomeSource"]);
        Assert.Equal("fine", (string?)run["comment"]);
        Assert.True((bool?)run["recorded"]);
        Assert.Null(run["reason"]);
    }

    [Fact]
    public async Task Completing_twice_changes_nothing_more()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);
        using var once = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true}""");
        using var twice = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", """{"success":true}""");

        Assert.Equal(await once.Content.ReadAsStringAsync(), await twice.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Last_is_the_latest_task()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy, "Water the plants in the hall");
        var second = await ApiTestRuns.PlayAsync(proxy);

        using var answer = await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true}""");

        Assert.Equal(second, (string?)(await answer.JsonAsync())["taskId"]);
    }

    [Fact]
    public async Task A_session_leads_to_its_latest_task()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var wanted = await ApiTestRuns.PlayAsync(proxy, headers: [("x-claude-code-session-id", "3f0c")]);
        await ApiTestRuns.PlayAsync(proxy, "Water the plants in the hall");

        using var answer = await proxy.PostAsync("/_llmproxy/tasks/session:3f0c/complete", """{"success":true}""");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var run = await answer.JsonAsync();
        Assert.Equal("3f0c", (string?)run["sessionId"]);
        Assert.Equal(wanted, (string?)run["taskId"]);
    }

    [Fact]
    public async Task Interventions_lower_the_score_and_cancelling_takes_the_content_away()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        using var intervened = await proxy.PostAsync($"/_llmproxy/tasks/{id}/interventions", "");
        var run = await intervened.JsonAsync();
        Assert.Equal(1, (int?)run["userInterventions"]);
        Assert.Equal(0.7, (double?)run["qualityScore"]);

        using var cancelled = await proxy.PostAsync($"/_llmproxy/tasks/{id}/cancel", "");
        run = await cancelled.JsonAsync();
        Assert.Equal("cancelled", (string?)run["status"]);
        Assert.False((bool?)run["recorded"]);
        Assert.Equal("cancelled", (string?)run["reason"]);
        Assert.Empty((await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["steps"]!.AsArray());
    }

    [Fact]
    public async Task A_task_can_be_opened_before_its_first_call()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var opened = await proxy.PostAsync("/_llmproxy/tasks", """{"taskId":"mine-1","description":"Sort the mail","provider":"anthropic","model":"claude-sonnet-4-6"}""");

        var run = await opened.JsonAsync();
        Assert.Equal("mine-1", (string?)run["taskId"]);
        Assert.Equal("active", (string?)run["status"]);
        Assert.Equal("Sort the mail", (string?)run["taskDescription"]);

        Assert.Equal("mine-1", await ApiTestRuns.PlayAsync(proxy, headers: [("LlmProxy-Task", "mine-1")]));
        run = await proxy.GetJsonAsync("/_llmproxy/trajectories/mine-1");
        Assert.Equal(2, (int?)run["iterationCount"]);
        Assert.Equal("Sort the mail", (string?)run["taskDescription"]);
    }

    [Fact]
    public async Task A_task_that_was_opened_without_a_description_gets_it_from_its_first_call()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var opened = await proxy.PostAsync("/_llmproxy/tasks", """{"taskId":"mine-1"}""");

        await ApiTestRuns.PlayAsync(proxy, headers: [("LlmProxy-Task", "mine-1")]);

        Assert.Equal(ApiTestRuns.Task, (string?)(await proxy.GetJsonAsync("/_llmproxy/trajectories/mine-1"))["taskDescription"]);
    }

    [Theory]
    [InlineData("/_llmproxy/tasks/none/complete", """{"success":true}""", 404, null)]
    [InlineData("/_llmproxy/tasks/last/complete", """{"success":true}""", 404, null)]
    [InlineData("/_llmproxy/tasks/session:none/cancel", "", 404, null)]
    [InlineData("/_llmproxy/tasks/x/complete", "", 400, "success")]
    [InlineData("/_llmproxy/tasks/x/complete", """{"success":"yes"}""", 400, "success")]
    [InlineData("/_llmproxy/tasks/x/complete", """{"success":true,"metrics":{"clickAccuracy":"high"}}""", 400, "metrics.clickAccuracy")]
    [InlineData("/_llmproxy/tasks/x/complete", """{"success":true,"metrics":{"errorRate":1.5}}""", 400, "metrics.errorRate")]
    [InlineData("/_llmproxy/tasks/x/complete", """{"success":true""", 400, null)]
    [InlineData("/_llmproxy/tasks/x/complete", "[1]", 400, null)]
    [InlineData("/_llmproxy/tasks", """{"provider":"acme"}""", 400, "provider")]
    [InlineData("/_llmproxy/tasks", """{"taskId":"last"}""", 400, "taskId")]
    [InlineData("/_llmproxy/search", """{"taskDescription":""}""", 400, "taskDescription")]
    [InlineData("/_llmproxy/search", """{"taskDescription":"x","topK":0}""", 400, "topK")]
    [InlineData("/_llmproxy/search", """{"taskDescription":"x","providers":"anthropic"}""", 400, "providers")]
    [InlineData("/_llmproxy/cleanup", """{"olderThanDays":-1}""", 400, "olderThanDays")]
    public async Task Wrong_requests_are_problems_that_name_the_field(string path, string body, int status, string? field)
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var answer = await proxy.PostAsync(path, body);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await answer.JsonAsync();
        Assert.Equal(status, (int?)problem["status"]);
        Assert.NotEmpty((string)problem["title"]!);
        Assert.NotEmpty((string)problem["detail"]!);
        Assert.Equal(field, (string?)problem["field"]);
        if (field is not null)
        {
            Assert.Contains($"'{field}'", (string?)problem["detail"], StringComparison.Ordinal);
        }
    }
}
