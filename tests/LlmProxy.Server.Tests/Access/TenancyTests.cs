using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Server.Cli;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

/// <summary>A tenant's admin changes and sees what belongs to the tenant, in the API and in verbs without a server.</summary>
[Collection(nameof(KeyVariableCollection))]
public sealed class TenancyTests
{
    private static readonly string Acme = "llmp-" + "acme";
    private static readonly string Beta = "llmp-" + "beta";
    private static readonly string Caller = "llmp-" + "caller";
    private const string Body = """{"model":"claude-sonnet-4-6","max_tokens":1,"messages":[{"role":"user","content":"Hello"}]}""";

    [Fact]
    public async Task A_pause_holds_for_the_tenant_alone()
    {
        await using var proxy = await StartAsync();

        await PostAsync(proxy, "/_llmproxy/recording/pause", "", Beta);
        using var acme = await proxy.PostAsync("/anthropic/v1/messages", Body, ("LlmProxy-Key", Acme));
        using var beta = await proxy.PostAsync("/anthropic/v1/messages", Body, ("LlmProxy-Key", Beta));
        await proxy.SettleAsync();
        var (ofAcme, ofBeta) = (await GetAsync(proxy, "/status", Acme), await GetAsync(proxy, "/status", Beta));

        Assert.Equal((true, false), ((bool)ofAcme["recording"]!["enabled"]!, (bool)ofAcme["recording"]!["paused"]!));
        Assert.Equal((false, true), ((bool)ofBeta["recording"]!["enabled"]!, (bool)ofBeta["recording"]!["paused"]!));
        Assert.NotNull(await proxy.Store.FindTaskAsync("acme", acme.Headers.GetValues("LlmProxy-Task").Single(), CancellationToken.None));
        Assert.Equal("""{"paused":1}""", ofBeta["recording"]!["notRecorded"]!.ToJsonString());
        Assert.Equal("{}", ofAcme["recording"]!["notRecorded"]!.ToJsonString());

        await PostAsync(proxy, "/_llmproxy/recording/resume", "", Acme);
        Assert.False((bool)(await GetAsync(proxy, "/status", Beta))["recording"]!["enabled"]!);
        await PostAsync(proxy, "/_llmproxy/recording/resume", "", Beta);
        Assert.True((bool)(await GetAsync(proxy, "/status", Beta))["recording"]!["enabled"]!);
    }

    [Fact]
    public async Task Counts_of_the_status_are_the_tenants()
    {
        await using var proxy = await StartAsync();
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        proxy.Upstream.Answer = async (context, _) =>
        {
            arrived.TrySetResult();
            await hold.Task;
            await ScriptedUpstream.WriteAsync(context, ApiTestRuns.SecondReply, 200, "application/json");
        };

        // A call under way is pending; a GPT task without examples is skipped; a body that is no JSON is not recorded.
        var pending = proxy.PostAsync("/anthropic/v1/messages", Body, ("LlmProxy-Key", Acme));
        await arrived.Task;
        var (during, other) = (await GetAsync(proxy, "/status", Acme), await GetAsync(proxy, "/status", Beta));
        hold.SetResult();
        using (await pending)
        {
        }

        using var gpt = await proxy.PostAsync("/openai/v1/chat/completions", """{"model":"gpt-4o","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"Hello"}]}""", ("LlmProxy-Key", Acme));
        using var broken = await proxy.PostAsync("/anthropic/v1/messages", "{", ("LlmProxy-Key", Acme));
        await proxy.SettleAsync();
        var (after, otherAfter) = (await GetAsync(proxy, "/status", Acme), await GetAsync(proxy, "/status", Beta));

        Assert.Equal(1, (int)during["recording"]!["spool"]!["pending"]!);
        Assert.True((long)during["recording"]!["spool"]!["bytes"]! > Body.Length);
        Assert.Equal("""{"pending":0,"bytes":0,"dropped":0}""", other["recording"]!["spool"]!.ToJsonString());
        Assert.Equal("""{"pending":0,"bytes":0,"dropped":0}""", after["recording"]!["spool"]!.ToJsonString());
        Assert.Equal(1, (int)after["recording"]!["notRecorded"]!["unreadable-request"]!);
        Assert.NotEqual("{}", after["fewShot"]!["skipped"]!.ToJsonString());
        Assert.Equal(("{}", "{}"), (otherAfter["recording"]!["notRecorded"]!.ToJsonString(), otherAfter["fewShot"]!["skipped"]!.ToJsonString()));
    }

    [Fact]
    public async Task The_storage_figures_tell_nothing_of_other_tenants()
    {
        await using var proxy = await StartAsync();
        using var call = await proxy.PostAsync("/anthropic/v1/messages", Body, ("LlmProxy-Key", Acme));
        await proxy.SettleAsync();

        var (acme, beta) = (await GetAsync(proxy, "/statistics", Acme), await GetAsync(proxy, "/statistics", Beta));

        Assert.True((long)acme["storage"]!["bytes"]! > 0);
        Assert.Equal("""{"bytes":0,"contentBytes":0,"trajectories":0,"steps":0}""", beta["storage"]!.ToJsonString());
    }

    [Fact]
    public async Task Verbs_without_a_server_work_on_the_tenant_of_the_key_or_of_the_option()
    {
        using var folder = new TestFolder();
        string[] keys = [.. KeySettings().Select(setting => $"--{setting.Key}={setting.Value}")];
        await SaveAsync(folder, "acme", "acme-task");
        await SaveAsync(folder, "default", "default-task");

        Assert.Equal("default-task", await ListAsync(folder, null));
        Assert.Equal("default-task", await ListAsync(folder, null, keys));
        Assert.Equal("acme-task", await ListAsync(folder, Acme, keys));
        Assert.Equal("", await ListAsync(folder, Beta, keys));
        Assert.Equal("acme-task", await ListAsync(folder, null, [.. keys, "--tenant", "acme"]));
        Assert.Equal("default-task", await ListAsync(folder, Acme, [.. keys, "--tenant", "default"]));
        foreach (var key in new[] { Caller, "llmp-" + "none" })
        {
            var refused = await RunAsync(folder, key, ["tasks", "list", "--json", .. keys]);
            Assert.Equal(1, refused.Code);
            Assert.Contains("LLMPROXY_KEY", refused.Error, StringComparison.Ordinal);
        }

        var cleaned = await RunAsync(folder, Acme, ["cleanup", "--older-than-days", "0", "--max-quality", "1", "--include-unscored", "--yes", "--json", .. keys]);
        Assert.Equal(1, (int)cleaned.Json["deleted"]!);
        Assert.Equal(("", "default-task"), (await ListAsync(folder, Acme, keys), await ListAsync(folder, null)));
    }

    [Fact]
    public async Task Import_stores_for_the_tenant()
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["runs.jsonl"], """{"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"}]}""" + "\n");

        var imported = await RunAsync(folder, null, ["import", folder["runs.jsonl"], "--from", "anthropic", "--tenant", "acme", "--json"]);

        Assert.Equal(0, imported.Code);
        Assert.NotEqual("", await ListAsync(folder, null, "--tenant", "acme"));
        Assert.Equal("", await ListAsync(folder, null));
    }

    [Fact]
    public async Task A_running_server_decides_the_tenant()
    {
        await using var proxy = await RunningProxy.StartAsync();

        var outcome = await Llmproxy.RunAsync(proxy, "tasks", "list", "--tenant", "acme");

        Assert.Equal(2, outcome.Code);
        Assert.Contains("LLMPROXY_KEY", outcome.Error, StringComparison.Ordinal);
    }

    private static async Task<string> ListAsync(TestFolder folder, string? key, params string[] arguments)
    {
        var outcome = await RunAsync(folder, key, ["tasks", "list", "--json", .. arguments]);
        return string.Join(' ', outcome.Json["items"]!.AsArray().Select(item => (string?)item!["taskId"]));
    }

    private static async Task<Llmproxy.Outcome> RunAsync(TestFolder folder, string? key, string[] arguments)
    {
        Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, key);
        try
        {
            return await Llmproxy.RunAsync([.. arguments, .. folder.Alone]);
        }
        finally
        {
            Environment.SetEnvironmentVariable(ApiConnection.KeyVariable, null);
        }
    }

    private static async Task SaveAsync(TestFolder folder, string tenant, string taskId)
    {
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [
                ("LlmProxy:Storage:ConnectionString", $"Data Source={folder["llmproxy.db"]}"),
                .. KeyTests.Key(0, "saves", Acme, tenant, admin: true),
            ]);
        using var started = await proxy.PostAsync("/_llmproxy/tasks", $$"""{"taskId":"{{taskId}}"}""", ("LlmProxy-Key", Acme));
        using var completed = await proxy.PostAsync($"/_llmproxy/tasks/{taskId}/complete", """{"success":true}""", ("LlmProxy-Key", Acme));
        Assert.Equal(HttpStatusCode.OK, completed.StatusCode);
    }

    private static async Task<RunningProxy> StartAsync()
    {
        var proxy = await RunningProxy.StartAsync(null, KeySettings());
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        return proxy;
    }

    private static (string Key, string Value)[] KeySettings() =>
    [
        .. KeyTests.Key(0, "acme", Acme, "acme", admin: true),
        .. KeyTests.Key(1, "beta", Beta, "beta", admin: true),
        .. KeyTests.Key(2, "caller", Caller, "acme", admin: false),
    ];

    private static async Task PostAsync(RunningProxy proxy, string path, string body, string key)
    {
        using var answer = await proxy.PostAsync(path, body, ("LlmProxy-Key", key));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<JsonNode> GetAsync(RunningProxy proxy, string path, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, "/_llmproxy" + path));
        request.Headers.TryAddWithoutValidation("LlmProxy-Key", key);
        using var answer = await proxy.Client.SendAsync(request);
        return await answer.JsonAsync();
    }
}

/// <summary>Tests that set the environment variable of the verbs' key run alone.</summary>
[CollectionDefinition(nameof(KeyVariableCollection), DisableParallelization = true)]
public sealed class KeyVariableCollection;
