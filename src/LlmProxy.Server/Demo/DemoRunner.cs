using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Api;
using LlmProxy.Server.Hosting;
using LlmProxy.Testing.Replay;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace LlmProxy.Server.Demo;

/// <summary>A system prompt as an agent sent it and as it arrived.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Model">The agent's model.</param>
/// <param name="Task">The agent's task.</param>
/// <param name="Before">What the agent sent.</param>
/// <param name="After">What the upstream received.</param>
/// <param name="Result">What <c>LlmProxy-Few-Shot-Result</c> said.</param>
internal sealed record DemoPrompt(string Provider, string Model, string Task, string Before, string After, string Result);

/// <summary>What the demo shows.</summary>
/// <param name="Recorded">The recorded run with score and steps, as the API gives it.</param>
/// <param name="Examples">The runs that were found for the new tasks.</param>
/// <param name="Prompts">The prompts before and after.</param>
/// <param name="Recording">The run's calls and answers, as tests replay them.</param>
internal sealed record DemoResult(JsonObject Recorded, JsonArray Examples, IReadOnlyList<DemoPrompt> Prompts, RecordedTrajectory Recording)
{
    /// <summary>The same for programs.</summary>
    public JsonObject ToJson()
    {
        var prompts = new JsonObject();
        foreach (var prompt in Prompts)
        {
            prompts[prompt.Provider] = new JsonObject { ["before"] = prompt.Before, ["after"] = prompt.After };
        }

        return new JsonObject { ["recorded"] = Recorded.DeepClone(), ["examples"] = Examples.DeepClone(), ["prompts"] = prompts };
    }
}

/// <summary>
/// Runs the real proxy between played agents and played providers, all on loopback in a temporary folder: nothing of
/// the user's settings, keys or store is read or written.
/// </summary>
internal static class DemoRunner
{
    private const string Heading = "OPERATING PRINCIPLES";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string[] Clusters = ["anthropic", "openai", "codex", "gemini", "proxy"];

    /// <summary>Runs it.</summary>
    /// <exception cref="DemoException">Something did not work.</exception>
    public static async Task<DemoResult> RunAsync(Action<string> progress, CancellationToken cancellationToken)
    {
        var script = DemoScript.Read();
        var folder = Directory.CreateTempSubdirectory("llmproxy-demo-").FullName;
        try
        {
            await using var upstream = await DemoUpstream.StartAsync(script, cancellationToken);
            var app = ProxyHost.Build(Settings(folder, upstream.Address), ["http://127.0.0.1:0"], builder =>
            {
                builder.Logging.ClearProviders();

                // A call of real traffic does not wait for a slow store; the demo does, on a machine that may be slow.
                builder.Services.AddSingleton(p => new StoreCircuitBreaker(p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<StoreCircuitBreaker>>(), Patience));
            });
            await using (app)
            {
                await app.StartAsync(cancellationToken);
                var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
                using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(address), Timeout = Patience };
                progress($"The proxy listens on {address}; a local upstream plays Claude, GPT and Gemini.");
                var result = await PlayAsync(client, script, upstream, progress, cancellationToken);
                await app.StopAsync(cancellationToken);
                return result;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ProxyConfiguration Settings(string folder, string upstream)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["LlmProxy:Storage:Provider"] = "sqlite",
            ["LlmProxy:Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "llmproxy.db")}",
            ["LlmProxy:Recording:Spool:Directory"] = Path.Combine(folder, "spool"),
            // A played run takes no time, and the machine may be slow where the demo is tried.
            ["LlmProxy:Recording:MinDuration"] = "00:00:00",
            ["LlmProxy:FewShot:Timeout"] = "00:00:30",
            ["LlmProxy:Embeddings:Provider"] = "lexical",
        };
        foreach (var cluster in Clusters)
        {
            settings[$"ReverseProxy:Clusters:{cluster}:Destinations:default:Address"] = upstream;
        }

        return ProxyConfiguration.BuiltIn(settings, folder);
    }

    private static async Task<DemoResult> PlayAsync(HttpClient client, DemoScript script, DemoUpstream upstream, Action<string> progress, CancellationToken cancellationToken)
    {
        var agents = new DemoAgents(client, script);

        // 1. Claude works; the proxy looks on.
        var taskId = await agents.PlayClaudeAsync(_ => { }, cancellationToken);
        progress($"Claude did its task in {script.Steps.Count} calls.");
        await CallAsync(client, HttpMethod.Post, $"/tasks/{Uri.EscapeDataString(taskId)}/complete", """{"success":true,"comment":"the demo's run"}""", cancellationToken);
        await SettleAsync(client, cancellationToken);
        var recorded = (await CallAsync(client, HttpMethod.Get, $"/trajectories/{Uri.EscapeDataString(taskId)}", null, cancellationToken)).AsObject();
        if (recorded["steps"]!.AsArray().Count != script.Steps.Count || recorded["qualityScore"] is null)
        {
            throw new DemoException($"The run was recorded with {recorded["steps"]!.AsArray().Count} of {script.Steps.Count} steps and the score {recorded["qualityScore"]?.ToJsonString() ?? "none"}.");
        }

        // 2. Others get similar tasks.
        var gpt = await agents.AskGptAsync(cancellationToken);
        var gemini = await agents.AskGeminiAsync(cancellationToken);
        progress("A GPT and a Gemini agent asked for similar tasks.");
        var prompts = new List<DemoPrompt>
        {
            Prompt("openai", gpt, DemoAgents.GptPrompt),
            Prompt("gemini", gemini, DemoAgents.GeminiPrompt),
        };

        // 3. What was found for them.
        var examples = new JsonArray();
        foreach (var prompt in prompts)
        {
            var body = new JsonObject { ["taskDescription"] = prompt.Task };
            var found = await CallAsync(client, HttpMethod.Post, "/search", body.ToJsonString(), cancellationToken);
            foreach (var item in found["items"]!.AsArray().Where(item => !examples.Any(known => known!["trajectoryId"]!.GetValue<string>() == item!["trajectoryId"]!.GetValue<string>())))
            {
                examples.Add(item!.DeepClone());
            }
        }

        var recording = await CallAsync(client, HttpMethod.Get, $"/trajectories/{Uri.EscapeDataString(taskId)}/recording", null, cancellationToken);
        return new DemoResult(recorded, examples, prompts, RecordedTrajectoryFile.Read(recording.ToJsonString()));

        DemoPrompt Prompt(string provider, string? result, Func<JsonObject, string> read)
        {
            var (model, task, _) = script.Agent(provider);
            var after = upstream.Received(provider) is { } request ? read(request) : throw new DemoException($"No call for {provider} reached the upstream.");
            if (result?.StartsWith("injected=", StringComparison.Ordinal) != true || after.IndexOf(Heading, StringComparison.Ordinal) <= after.IndexOf("Nordwind", StringComparison.Ordinal))
            {
                throw new DemoException($"The prompt for {provider} got no example before its heading {Heading} ({result ?? "no result"}).");
            }

            return new DemoPrompt(provider, model, task, script.System, after, result);
        }
    }

    private static async Task SettleAsync(HttpClient client, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        while ((await CallAsync(client, HttpMethod.Get, "/status", null, cancellationToken))["recording"]!["spool"]!["pending"]!.GetValue<long>() > 0)
        {
            if (Stopwatch.GetElapsedTime(start) > Patience)
            {
                throw new DemoException("The recorded calls did not reach the store in time.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
    }

    private static async Task<JsonNode> CallAsync(HttpClient client, HttpMethod method, string path, string? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, ApiEndpoints.Prefix + path);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        using var answer = await client.SendAsync(request, cancellationToken);
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new DemoException($"{path} was answered with {(int)answer.StatusCode}: {text}");
    }
}
