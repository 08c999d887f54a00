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

/// <summary>A system prompt before and after the proxy.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Model">The agent's model.</param>
/// <param name="Task">The agent's task.</param>
/// <param name="Before">What the agent sent.</param>
/// <param name="After">What the upstream received.</param>
/// <param name="Result">Value of <c>LlmProxy-Few-Shot-Result</c>.</param>
internal sealed record DemoPrompt(string Provider, string Model, string Task, string Before, string After, string Result);

/// <summary>Result of the demo.</summary>
/// <param name="Recorded">The recorded trajectory with score and steps, in the API's format.</param>
/// <param name="Outcomes">Three trajectories with a stated, an inferred and an unknown outcome, in the API's format.</param>
/// <param name="Examples">The trajectories that were found for the new tasks.</param>
/// <param name="Prompts">The system prompts.</param>
/// <param name="Recording">The recorded exchanges, for replays in tests.</param>
internal sealed record DemoResult(JsonObject Recorded, JsonArray Outcomes, JsonArray Examples, IReadOnlyList<DemoPrompt> Prompts, RecordedTrajectory Recording)
{
    /// <summary>The result as JSON.</summary>
    public JsonObject ToJson()
    {
        var prompts = new JsonObject();
        foreach (var prompt in Prompts)
        {
            prompts[prompt.Provider] = new JsonObject { ["before"] = prompt.Before, ["after"] = prompt.After };
        }

        return new JsonObject { ["recorded"] = Recorded.DeepClone(), ["outcomes"] = Outcomes.DeepClone(), ["examples"] = Examples.DeepClone(), ["prompts"] = prompts };
    }
}

/// <summary>
/// Runs the real proxy between simulated agents and providers, on loopback and in a temporary folder. The user's settings,
/// keys and store are neither read nor written.
/// </summary>
internal static class DemoRunner
{
    private const string Heading = "OPERATING PRINCIPLES";
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);
    private static readonly string[] Clusters = ["anthropic", "openai", "codex", "gemini", "proxy"];

    /// <summary>Runs the demo.</summary>
    /// <exception cref="DemoException">A step failed.</exception>
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

                // Real requests do not wait for a slow store; the demo does, since it may run on a slow machine.
                builder.Services.AddSingleton(p => new StoreCircuitBreaker(p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<StoreCircuitBreaker>>(), Timeout));
            });
            await using (app)
            {
                await app.StartAsync(cancellationToken);
                var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
                using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(address), Timeout = Timeout };
                progress($"The proxy is running on {address}; a local server simulates Claude, GPT and Gemini.");
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
            // A simulated run is shorter than the default minimum, and the machine may be slow.
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

        // 1. Claude works; the proxy records.
        var taskId = await agents.RunClaudeAsync(script.Run, cancellationToken);
        progress($"Claude completed its task in {script.Run.Steps.Count} steps; the proxy recorded them.");
        await CallAsync(client, HttpMethod.Post, $"/tasks/{Uri.EscapeDataString(taskId)}/complete", """{"success":true,"source":"human","comment":"recorded by the demo"}""", cancellationToken);
        await SettleAsync(client, cancellationToken);
        var recorded = (await CallAsync(client, HttpMethod.Get, $"/trajectories/{Uri.EscapeDataString(taskId)}", null, cancellationToken)).AsObject();
        if (recorded["steps"]!.AsArray().Count != script.Run.Steps.Count || recorded["qualityScore"] is null)
        {
            throw new DemoException($"Recorded {recorded["steps"]!.AsArray().Count} of {script.Run.Steps.Count} steps, with the score {recorded["qualityScore"]?.ToJsonString() ?? "none"}.");
        }

        // 2. Other agents get similar tasks.
        var gpt = await agents.AskGptAsync(cancellationToken);
        var gemini = await agents.AskGeminiAsync(cancellationToken);
        progress("A GPT and a Gemini agent sent similar tasks; the proxy added the recorded run to their prompts.");
        var prompts = new List<DemoPrompt>
        {
            Prompt("openai", gpt, DemoAgents.GptPrompt),
            Prompt("gemini", gemini, DemoAgents.GeminiPrompt),
        };

        // 3. The examples that were found for them.
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

        // 4. Two more runs, whose outcome was not stated. They come last, so that they are no examples above.
        var outcomes = new JsonArray(recorded.DeepClone());
        foreach (var run in (DemoRun[])[script.Verified, script.Abandoned])
        {
            var id = await agents.RunClaudeAsync(run, cancellationToken);
            await SettleAsync(client, cancellationToken);
            outcomes.Add(await CallAsync(client, HttpMethod.Get, $"/trajectories/{Uri.EscapeDataString(id)}", null, cancellationToken));
        }

        var recording = await CallAsync(client, HttpMethod.Get, $"/trajectories/{Uri.EscapeDataString(taskId)}/recording", null, cancellationToken);
        return new DemoResult(recorded, outcomes, examples, prompts, RecordedTrajectoryFile.Read(recording.ToJsonString()));

        DemoPrompt Prompt(string provider, string? result, Func<JsonObject, string> read)
        {
            var (model, task, _) = script.Agent(provider);
            var after = upstream.Received(provider) is { } request ? read(request) : throw new DemoException($"No request for {provider} arrived at the upstream.");
            if (result?.StartsWith("injected=", StringComparison.Ordinal) != true || after.IndexOf(Heading, StringComparison.Ordinal) <= after.IndexOf("Nordwind", StringComparison.Ordinal))
            {
                throw new DemoException($"The prompt for {provider} contains no example before the heading {Heading} ({result ?? "no result"}).");
            }

            return new DemoPrompt(provider, model, task, script.Run.System, after, result);
        }
    }

    private static async Task SettleAsync(HttpClient client, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        while ((await CallAsync(client, HttpMethod.Get, "/status", null, cancellationToken))["recording"]!["spool"]!["pending"]!.GetValue<long>() > 0)
        {
            if (Stopwatch.GetElapsedTime(start) > Timeout)
            {
                throw new DemoException("Timeout while storing the recorded steps.");
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
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new DemoException($"{path} responded with status {(int)answer.StatusCode}: {text}");
    }
}
