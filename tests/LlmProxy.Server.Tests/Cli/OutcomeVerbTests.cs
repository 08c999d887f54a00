using LlmProxy.Server.Cli;
using LlmProxy.Tests.Access;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

/// <summary>Verbs that state outcomes, with a running server and on the store alone.</summary>
[Collection(nameof(KeyVariableCollection))]
public sealed class OutcomeVerbTests
{
    private static readonly string Caller = "llmp-" + "caller";

    [Theory]
    [InlineData(0, true)]
    [InlineData(3, false)]
    public async Task A_commands_exit_code_states_the_outcome_for_ci(int code, bool success)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var completed = await Llmproxy.RunAsync(proxy, ["tasks", "complete", id, "--if-succeeds", "--json", "--", .. Exit(code)]);

        Assert.Equal(0, completed.Code);
        Assert.Equal((success, "ci"), ((bool)completed.Json["success"]!, (string)completed.Json["outcomeSource"]!));
    }

    [Fact]
    public async Task A_command_that_cannot_start_states_nothing()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var missing = await Llmproxy.RunAsync(proxy, "tasks", "complete", id, "--if-succeeds", "--", "no-such-command-here");
        var none = await Llmproxy.RunAsync(proxy, "tasks", "complete", id, "--if-succeeds");

        Assert.Equal((1, 2), (missing.Code, none.Code));
        Assert.Contains("No outcome was stated", missing.Error, StringComparison.Ordinal);
        Assert.Equal("inferred", (string?)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["outcomeSource"]);
    }

    [Theory]
    [InlineData(true, "--success")]
    [InlineData(false, "--failure")]
    [InlineData(true, "--answer", "y")]
    [InlineData(false, "--answer", "No")]
    public async Task Outcome_states_it_for_a_person(bool success, params string[] options)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var stated = await Llmproxy.RunAsync(proxy, ["tasks", "outcome", id, "--comment", "seen", "--json", .. options]);

        Assert.Equal((success, "human", "seen"), ((bool)stated.Json["success"]!, (string)stated.Json["outcomeSource"]!, (string)stated.Json["comment"]!));
    }

    [Theory]
    [InlineData]
    [InlineData("--success", "--failure")]
    [InlineData("--success", "--answer", "n")]
    [InlineData("--answer", "perhaps")]
    [InlineData("--answer", "")]
    public async Task Outcome_needs_one_clear_answer(params string[] options)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var stated = await Llmproxy.RunAsync(proxy, ["tasks", "outcome", id, .. options]);

        Assert.Equal(2, stated.Code);
        Assert.Equal("inferred", (string?)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["outcomeSource"]);
    }

    [Fact]
    public async Task Outcome_of_the_task_that_has_ended_leaves_the_one_under_way()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var done = await ApiTestRuns.PlayAsync(proxy);
        await StatedOutcomeTests.TurnAsync(proxy, 1);

        var stated = await Llmproxy.RunAsync(proxy, "tasks", "outcome", "last", "--ended", "--success", "--json");

        Assert.Equal(done, (string?)stated.Json["taskId"]);
    }

    [Fact]
    public async Task Without_a_server_the_store_takes_statements()
    {
        using var folder = new TestFolder();
        string id;
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}")))
        {
            id = await ApiTestRuns.PlayAsync(proxy);
        }

        var checkedByCi = await Llmproxy.RunAsync([.. folder.Alone, "tasks", "complete", id, "--if-succeeds", "--json", "--", .. Exit(1)]);
        var stated = await Llmproxy.RunAsync([.. folder.Alone, "tasks", "outcome", id, "--success", "--json"]);
        var evaluation = await Llmproxy.RunAsync([.. folder.Alone, "outcomes", "evaluate"]);
        var fit = await Llmproxy.RunAsync([.. folder.Alone, "outcomes", "fit"]);

        Assert.Equal((false, "ci"), ((bool)checkedByCi.Json["success"]!, (string)checkedByCi.Json["outcomeSource"]!));
        Assert.Equal((true, "human"), ((bool)stated.Json["success"]!, (string)stated.Json["outcomeSource"]!));
        Assert.StartsWith("1 stated outcomes, 100 % succeeded. In use: the shipped model.\n", evaluation.Output, StringComparison.Ordinal);
        Assert.Equal(1, fit.Code);
        Assert.Contains("at least 50", fit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Evaluate_without_stated_outcomes_says_how_to_state_one()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayAsync(proxy);

        Assert.StartsWith("No trajectory has a stated outcome.", (await Llmproxy.RunAsync(proxy, "outcomes", "evaluate")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_callers_key_states_outcomes_and_does_nothing_else()
    {
        await using var proxy = await RunningProxy.StartAsync(null, KeyTests.Key(0, "ci", Caller, "acme", admin: false));
        var id = await ApiTestRuns.PlayAsync(proxy, headers: [("LlmProxy-Key", Caller)]);
        Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, Caller);
        try
        {
            var stated = await Llmproxy.RunAsync(proxy, "tasks", "outcome", id, "--success", "--json");
            var listed = await Llmproxy.RunAsync(proxy, "tasks", "list");
            Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, Caller + "x");
            var wrong = await Llmproxy.RunAsync(proxy, "tasks", "outcome", id, "--failure");

            Assert.Equal(("human", "ci"), ((string)stated.Json["outcomeSource"]!, (string)stated.Json["statedBy"]!));
            Assert.Equal((1, 1), (listed.Code, wrong.Code));
            Assert.Contains("may only start tasks and state outcomes", listed.Error, StringComparison.Ordinal);
            Assert.Contains(ApiConnection.KeyVariable, wrong.Error, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, null);
        }
    }

    private static string[] Exit(int code) => OperatingSystem.IsWindows() ? ["cmd", "/c", "exit", $"{code}"] : ["/bin/sh", "-c", $"exit {code}"];
}
