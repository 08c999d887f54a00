using LlmProxy.Core.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Tests.Configuration;

public sealed class ShippedFileTests
{
    private static readonly LlmProxyOptions Options = new ConfigurationStack().ReadValid();

    [Theory]
    [InlineData("/anthropic/v1/messages", "anthropic", "anthropic", "/anthropic")]
    [InlineData("/openai/v1/responses", "openai", "openai", "/openai")]
    [InlineData("/codex/responses", "codex", "openai", "/codex")]
    [InlineData("/gemini/v1beta/models/gemini-2.5-pro:generateContent", "gemini", "gemini", "/gemini")]
    [InlineData("/proxy/v1/chat/completions", "proxy", "proxy", "/proxy")]
    [InlineData("/v1/messages", "anthropic", "anthropic", null)]
    [InlineData("/v1/messages/count_tokens", "anthropic", "anthropic", null)]
    [InlineData("/v1/messages/batches/b1", "anthropic", "anthropic", null)]
    [InlineData("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "gemini", "gemini", null)]
    [InlineData("/upload/v1beta/files", "gemini", "gemini", null)]
    [InlineData("/v1/models/gemini-2.5-pro:generateContent", "gemini", "gemini", null)]
    [InlineData("/v1/models", "openai", "openai", null)]
    [InlineData("/v1/models/gpt-5.4", "openai", "openai", null)]
    [InlineData("/v1/models/ft:gpt-4o:org::id", "openai", "openai", null)]
    [InlineData("/v1/chat/completions", "openai", "openai", null)]
    [InlineData("/v1/responses", "openai", "openai", null)]
    [InlineData("/v1/embeddings", "openai", "openai", null)]
    [InlineData("/v1/messagesandmore", "openai", "openai", null)]
    public async Task A_path_goes_to_its_cluster(string path, string cluster, string provider, string? prefix)
    {
        var route = await Match(path);

        Assert.Equal(cluster, route?.Config.ClusterId);
        Assert.Equal(provider, route!.Config.Metadata!["LlmProxy.Provider"]);
        Assert.Equal(prefix, route.Config.Metadata.GetValueOrDefault("LlmProxy.Prefix"));
        Assert.Null(route.Config.Transforms);
    }

    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/v1/models/claude-opus-5-5")]
    public async Task A_list_of_models_with_an_anthropic_version_goes_to_anthropic(string path) =>
        Assert.Equal("anthropic", (await Match(path, ("anthropic-version", "2023-06-01")))?.Config.ClusterId);

    [Fact]
    public async Task A_gemini_call_stays_one_with_an_anthropic_version() =>
        Assert.Equal("gemini", (await Match("/v1/models/gemini-2.5-pro:generateContent", ("anthropic-version", "2023-06-01")))?.Config.ClusterId);

    [Theory]
    [InlineData("/")]
    [InlineData("/healthz")]
    [InlineData("/_llmproxy/status")]
    [InlineData("/v2/messages")]
    [InlineData("/anthropicx/v1/messages")]
    public async Task Other_paths_are_no_ones(string path) => Assert.Null(await Match(path));

    [Theory]
    [InlineData("anthropic", "https://api.anthropic.com/")]
    [InlineData("openai", "https://api.openai.com/")]
    [InlineData("codex", "https://chatgpt.com/backend-api/codex/")]
    [InlineData("gemini", "https://generativelanguage.googleapis.com/")]
    [InlineData("proxy", "http://localhost:4000/")]
    public void A_cluster_has_one_destination_called_default(string cluster, string address)
    {
        var destinations = new ConfigurationStack().Build().GetSection($"ReverseProxy:Clusters:{cluster}:Destinations");

        Assert.Equal([("default", address)], destinations.GetChildren().Select(destination => (destination.Key, destination["Address"]!)));
    }

    [Fact]
    public void One_variable_redirects_a_provider() =>
        Assert.Equal("http://127.0.0.1:9101/", new ConfigurationStack()
            .Environment("ReverseProxy__Clusters__anthropic__Destinations__default__Address", "http://127.0.0.1:9101/")
            .Build()["ReverseProxy:Clusters:anthropic:Destinations:default:Address"]);

    [Fact]
    public void The_shipped_routes_can_be_left_out_for_a_file_with_its_own()
    {
        var configuration = new ConfigurationBuilder().Add(new BuiltInConfigurationSource(withReverseProxy: false)).Build();

        Assert.Empty(configuration.GetSection("ReverseProxy").GetChildren());
        Assert.Equal("3", configuration["LlmProxy:FewShot:Count"]);
    }

    [Fact]
    public void The_embedded_file_is_the_repositorys_and_reads_as_the_frameworks_own_reader_reads_it()
    {
        var ours = new ConfigurationBuilder().Add(new BuiltInConfigurationSource()).Build();
        var theirs = new ConfigurationBuilder().AddJsonStream(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(BuiltInConfiguration.Json))).Build();

        Assert.Equal(
            theirs.AsEnumerable().Where(pair => pair.Key != "$schema" && !string.IsNullOrEmpty(pair.Value)).OrderBy(pair => pair.Key, StringComparer.Ordinal),
            ours.AsEnumerable().Where(pair => !string.IsNullOrEmpty(pair.Value)).OrderBy(pair => pair.Key, StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("claude-opus-5-5", "anthropic")]
    [InlineData("anthropic/claude-sonnet-4.5", "anthropic")]
    [InlineData("openrouter/anthropic/claude-3.7-sonnet:thinking", "anthropic")]
    [InlineData("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic")]
    [InlineData("openrouter-claude-opus", "anthropic")]
    [InlineData("gpt-5.4-mini", "openai")]
    [InlineData("openai.gpt-5.5", "openai")]
    [InlineData("openai/o4-mini", "openai")]
    [InlineData("chatgpt-4o-latest", "openai")]
    [InlineData("codex-mini-latest", "openai")]
    [InlineData("o3-2025-04-16", "openai")]
    [InlineData("gemini-2.5-pro", "gemini")]
    [InlineData("gemini-vertex-2.5-flash", "gemini")]
    [InlineData("google/gemini-3.6-flash", "gemini")]
    [InlineData("openai/gpt-oss-120b", "proxy")]
    [InlineData("Qwen/Qwen3-4B", "proxy")]
    [InlineData("someone/Qwen3-14B-Claude-Opus-Distill", "proxy")]
    [InlineData("glm-5.2", "proxy")]
    [InlineData("deepseek-r1-distill-llama-70b", "proxy")]
    [InlineData("palmyra-x4", null)]
    public void A_model_belongs_to_its_maker(string model, string? provider) =>
        Assert.Equal(provider, Options.Models.FirstOrDefault(entry => ModelPatterns.Matches(entry.Pattern, model))?.Provider);

    [Theory]
    [InlineData("claude-opus-5-5", 4, 20)]
    [InlineData("claude-opus-5", 5, 25)]
    [InlineData("claude-opus-4-1-20250805", 15, 75)]
    [InlineData("anthropic/claude-sonnet-4.5", 3, 15)]
    [InlineData("us.anthropic.claude-haiku-4-5-20251001-v1:0", 1, 5)]
    [InlineData("gpt-4o-2024-08-06", 2.5, 10)]
    [InlineData("gpt-4o-mini", 0.15, 0.6)]
    [InlineData("openai/gpt-5", 1.25, 10)]
    [InlineData("gemini-2.5-pro", 1.25, 10)]
    public void A_known_model_has_its_price(string model, double input, double output)
    {
        var price = Options.Prices.First(entry => ModelPatterns.Matches(entry.Pattern, model));

        Assert.Equal(((decimal)input, (decimal)output), (price.Input, price.Output));
    }

    [Theory]
    [InlineData("claude-opus-9")]
    [InlineData("claude-opus-5-7")]
    [InlineData("gpt-5.5-pro")]
    [InlineData("gpt-4o-audio-preview")]
    [InlineData("llama3")]
    public void An_unknown_model_has_no_price(string model) => Assert.DoesNotContain(Options.Prices, entry => ModelPatterns.Matches(entry.Pattern, model));

    [Fact]
    public void No_price_is_hidden_behind_an_earlier_one() =>
        Assert.All(Options.Prices, price => Assert.Same(price, Options.Prices.First(earlier => ModelPatterns.Matches(earlier.Pattern, price.Pattern.Replace("*", "", StringComparison.Ordinal)))));

    [Theory]
    [InlineData("bytebot", "\nYou are **Bytebot**, a meticulous AI engineer operating a dynamic-resolution workstation.\n")]
    [InlineData("bytebot", "You are a helpful assistant that summarizes conversations for long-running tasks.\nDo it.")]
    [InlineData("bytebot", "You provide exact screen coordinates. Reply ONLY with JSON: {\"x\":<number>,\"y\":<number>}.")]
    [InlineData("claude-code", "x-anthropic-billing-header: cc_version=2.1.113; cc_entrypoint=sdk-ts;\nYou are a Claude agent, built on Anthropic's Claude Agent SDK.\nYou are a helpful assistant.")]
    [InlineData("claude-code", "You are Claude Code, Anthropic's official CLI for Claude.")]
    [InlineData("codex", "You are a coding agent running in the Codex CLI, a terminal-based coding assistant.")]
    [InlineData("codex", "You are Codex, based on GPT-5.")]
    [InlineData("opencode", "You are OpenCode, the best coding agent on the planet.")]
    [InlineData("opencode", "You are opencode, an interactive CLI agent specializing in software engineering tasks.")]
    [InlineData("gemini-cli", "You are an interactive CLI agent specializing in software engineering tasks. Your primary goal")]
    [InlineData(null, "You are a helpful assistant.")]
    [InlineData(null, "You are an expert on Bytebot.")]
    public void A_client_is_recognised_by_its_system_prompt_and_by_no_others(string? preset, string system) =>
        Assert.Equal(
            preset is null ? [] : [preset],
            Options.Tasks.Presets.Where(entry => entry.Value.RecognizeSystem is { } pattern && RuleRegex.Create(pattern).IsMatch(system)).Select(entry => entry.Key));

    [Theory]
    [InlineData("claude-code", "x-claude-code-session-id: 503f36a0-a314-44a8-b1e8-8c1c79653868")]
    [InlineData("codex", "session-id: 0199 | x-codex-turn-metadata: {\"turn_id\":\"1\"}")]
    [InlineData("opencode", "x-session-id: ses_4f2a | user-agent: opencode/1.18.33")]
    [InlineData("gemini-cli", "user-agent: GeminiCLI/0.61.0/gemini-2.5-pro (linux; x64)")]
    [InlineData(null, "session-id: 12 | x-session-id: 34 | user-agent: OpenAI/JS 6.49.0")]
    public void A_client_is_recognised_by_its_headers_and_by_no_others(string? preset, string text)
    {
        var headers = text.Split(" | ").Select(pair => pair.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1]);

        Assert.Equal(
            preset is null ? [] : [preset],
            Options.Tasks.Presets
                .Where(entry => entry.Value.RecognizeHeaders.Count > 0 && entry.Value.RecognizeHeaders.All(rule => headers.TryGetValue(rule.Key, out var value) && RuleRegex.Create(rule.Value).IsMatch(value)))
                .Select(entry => entry.Key));
    }

    [Theory]
    [InlineData("bytebot", "You are a helpful assistant that describes UI elements visually.", true)]
    [InlineData("bytebot", "You identify regions of a desktop screenshot. Reply exactly with the requested format.", true)]
    [InlineData("bytebot", "You are **Bytebot**, a meticulous AI engineer", false)]
    [InlineData("claude-code", "x-anthropic-billing-header: a\nYou are a Claude agent, built on Anthropic's Claude Agent SDK.\nGenerate a concise, sentence-case title (3-7 words) that captures", true)]
    [InlineData("claude-code", "You are Claude Code, Anthropic's official CLI for Claude.\nGenerate code.", false)]
    [InlineData("opencode", "You are a title generator. You output ONLY a thread title. Nothing else.", true)]
    [InlineData("gemini-cli", "You are a specialized Task Routing AI. Your sole function is to analyze", true)]
    public void Side_calls_are_known(string preset, string system, bool expected) => Assert.Equal(expected, Any(Options.Tasks.Presets[preset].SideCallSystem, system));

    [Theory]
    [InlineData("claude-code", true)]
    [InlineData("codex", true)]
    [InlineData("opencode", true)]
    [InlineData("gemini-cli", true)]
    [InlineData("bytebot", false)]
    [InlineData("generic", false)]
    public void Calls_without_tools_are_side_calls_for_coding_agents(string preset, bool expected) =>
        Assert.Equal(expected, Options.Tasks.Presets[preset].SideCallWithoutTools);

    [Theory]
    [InlineData("bytebot", "Error executing computer_click_mouse tool: boom", true)]
    [InlineData("bytebot", "ERROR: Failed to take screenshot", true)]
    [InlineData("bytebot", "❌ Click element failed: no such element", true)]
    [InlineData("bytebot", "Tool executed successfully", false)]
    [InlineData("bytebot", "No UI elements detected for description \"x\"", false)]
    [InlineData("codex", "Exit code: 1\nWall time: 0.1 seconds\nOutput:\n", true)]
    [InlineData("codex", "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nExit code: fine", false)]
    [InlineData("generic", "Error: not found", true)]
    [InlineData("generic", "Errors are described in chapter 3", false)]
    public void Failures_of_tools_are_known(string preset, string result, bool expected) => Assert.Equal(expected, Any(Options.Tasks.Presets[preset].ErrorResults, result));

    [Fact]
    public void Bytebots_other_texts_are_known()
    {
        var preset = Options.Tasks.Presets["bytebot"];

        Assert.True(Any(preset.GuardResults, "Observation required: review the latest screenshot and provide an exhaustive observation before issuing additional computer_* tools."));
        Assert.True(Any(preset.GuardResults, "Cannot mark as completed yet. Please perform concrete actions"));
        Assert.True(Any(preset.Interventions, "User performed action: computer_click_mouse\n{}"));
        Assert.False(Any(preset.Interventions, "**SYSTEM INTERVENTION**: You have been processing this task for 5 iterations"));
        Assert.True(Any(preset.ClickHits, "Visual change detected near (10, 20) with 93% confidence."));
        Assert.True(Any(preset.ClickHits, "<details>{\"success\":true,\"element_id\":\"e1\"}</details>"));
        Assert.False(Any(preset.ClickHits, "No visual change detected near (10, 20); diff=0.1"));
        Assert.Equal(["computer_click_mouse", "computer_click_element"], preset.ClickTools);
        var tool = Assert.Single(preset.TerminalTools);
        Assert.Equal(("set_task_status", "status"), (tool.Name, tool.StatusProperty));
        Assert.Equal((["completed"], ["failed"], ["needs_help"]), (tool.Completed.ToArray(), tool.Failed.ToArray(), tool.NeedsHelp.ToArray()), TripleComparer);
    }

    [Theory]
    [InlineData("bytebot", "Sort the invoices \n\nFile a.pdf uploaded to shared storage.\nFile b c.pdf uploaded to shared storage.", "Sort the invoices")]
    [InlineData("claude-code", "<system-reminder>\nToday's date is 2026-08-20.\n</system-reminder>\n\nFix the bug", "Fix the bug")]
    [InlineData("codex", "# AGENTS.md instructions for /repo\n\n<INSTRUCTIONS>\nBe good.\n</INSTRUCTIONS>\n<environment_context>\n  <cwd>/repo</cwd>\n</environment_context>\nFix the bug", "Fix the bug")]
    [InlineData("codex", "<user_instructions>\n\nx\n\n</user_instructions>\n\nFix the bug", "Fix the bug")]
    [InlineData("opencode", "<env>\n  Working directory: /repo\n</env>\nFix the bug", "Fix the bug")]
    [InlineData("gemini-cli", "<session_context>\nThis is the Gemini CLI. We are setting up the context for our chat.\n</session_context>\nFix the bug", "Fix the bug")]
    [InlineData("gemini-cli", "This is the Gemini CLI. We are setting up the context for our chat.\nToday's date is Monday.\n\nMy setup is complete. I will provide my first command in the next turn.\n\nFix the bug", "Fix the bug")]
    public void Boilerplate_is_cut_from_the_description(string preset, string first, string task) =>
        Assert.Equal(task, Options.Tasks.Presets[preset].Boilerplate.Aggregate(first, (text, pattern) => RuleRegex.Create(pattern).Replace(text, "")).Trim());

    [Theory]
    [InlineData("generic", TaskBoundary.Conversation, null)]
    [InlineData("bytebot", TaskBoundary.Conversation, null)]
    [InlineData("claude-code", TaskBoundary.Turn, 60)]
    [InlineData("codex", TaskBoundary.Turn, 60)]
    [InlineData("opencode", TaskBoundary.Turn, 60)]
    [InlineData("gemini-cli", TaskBoundary.Turn, 60)]
    public void Coding_agents_work_in_turns_with_60_free_iterations(string preset, TaskBoundary boundary, int? free) =>
        Assert.Equal((boundary, free), (Options.Tasks.Presets[preset].Boundary, Options.Tasks.Presets[preset].FreeIterations));

    private static readonly IEqualityComparer<(string[], string[], string[])> TripleComparer =
        EqualityComparer<(string[], string[], string[])>.Create((left, right) =>
            left.Item1.SequenceEqual(right.Item1) && left.Item2.SequenceEqual(right.Item2) && left.Item3.SequenceEqual(right.Item3));

    private static bool Any(IEnumerable<string> patterns, string text) => patterns.Any(pattern => RuleRegex.Create(pattern).IsMatch(text));

    /// <summary>Which route YARP itself takes; nothing is forwarded.</summary>
    private static async Task<RouteModel?> Match(string path, params (string Name, string Value)[] headers)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "POST";
        context.Request.Path = path;
        foreach (var (name, value) in headers)
        {
            context.Request.Headers[name] = value;
        }

        using var scope = Pipeline.Value.Services.CreateScope();
        context.RequestServices = scope.ServiceProvider;
        await Pipeline.Value.Run(context);
        return context.Items["route"] as RouteModel;
    }

    private static readonly Lazy<(IServiceProvider Services, RequestDelegate Run)> Pipeline = new(() =>
    {
        var builder = WebApplication.CreateBuilder();
        builder.Services.AddReverseProxy().LoadFromConfig(new ConfigurationStack().Build().GetSection("ReverseProxy"));
        var app = builder.Build();
        var pipeline = new ApplicationBuilder(app.Services);
        pipeline.UseRouting();
        pipeline.Use(next => context =>
        {
            context.Items["route"] = context.GetEndpoint()?.Metadata.GetMetadata<RouteModel>();
            context.SetEndpoint(null);
            return next(context);
        });
        pipeline.UseEndpoints(endpoints => endpoints.MapReverseProxy());
        return (app.Services, pipeline.Build());
    });
}
