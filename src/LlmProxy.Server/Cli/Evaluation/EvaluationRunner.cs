using System.Diagnostics;
using System.Text.Json;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>Runs an agent on tasks, once for each arm, and states each run's outcome by a check.</summary>
internal sealed class EvaluationRunner(EvaluationPlan plan, ApiConnection api, string? key, TextWriter progress)
{
    private readonly string _id = Guid.NewGuid().ToString("N")[..8];
    private readonly List<EvaluationRun> _runs = [];

    /// <summary>The runs that ended so far.</summary>
    public IReadOnlyList<EvaluationRun> Runs => _runs;

    /// <summary>Runs everything.</summary>
    /// <exception cref="CliException">The agent cannot be started, or its first run reached the proxy with no request.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (var (task, repeat, arm) in plan.Order())
        {
            var number = _runs.Count + 1;
            var run = await RunAsync(task, repeat, arm, Invariant($"evaluate-{_id}-{number}"), cancellationToken);
            _runs.Add(run);
            await progress.WriteLineAsync(Invariant($"[{number}/{plan.Count}] {run.Task} #{run.Repeat} {run.Arm}: {Describe(run)}, {run.Steps} steps, {run.DurationMs / 1000:0.0} s"));
        }
    }

    private static string Describe(EvaluationRun run) => run.Result switch
    {
        RunResult.Succeeded => "succeeded",
        RunResult.Failed => "failed",
        RunResult.Timeout => "stopped at the time limit",
        _ => "no request reached the proxy",
    };

    private async Task<EvaluationRun> RunAsync(EvaluationTask task, int repeat, EvaluationArm arm, string taskId, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-evaluate-").FullName;
        try
        {
            task.WriteFiles(folder);
            await using var relay = await ArmRelay.StartAsync(api.Address, Headers(taskId, arm), cancellationToken);
            var environment = Environment(task, relay.Address);
            var start = Stopwatch.GetTimestamp();
            var agent = await AgentProcess.RunAsync(Command(task, relay.Address), folder, environment, plan.Timeout, cancellationToken);
            var duration = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            if (relay.Calls == 0)
            {
                return _runs.Count > 0
                    ? new EvaluationRun(task.Id, repeat, arm.Name, RunResult.NoCalls, taskId, agent.ExitCode, null, duration)
                    : throw new CliException(NoCalls(agent));
            }

            var check = agent.ExitCode is null ? null : await AgentProcess.RunAsync(AgentProcess.Shell(task.Check!), folder, environment, plan.Timeout, cancellationToken);
            var result = agent.ExitCode is null ? RunResult.Timeout : check?.ExitCode == 0 ? RunResult.Succeeded : RunResult.Failed;
            var run = new EvaluationRun(task.Id, repeat, arm.Name, result, taskId, agent.ExitCode, check?.ExitCode, duration);
            return await StateAsync(run, cancellationToken);
        }
        finally
        {
            Delete(folder);
        }
    }

    /// <summary>States the outcome for CI, as <c>tasks complete --if-succeeds</c> does, and reads the trajectory's figures.</summary>
    private async Task<EvaluationRun> StateAsync(EvaluationRun run, CancellationToken cancellationToken)
    {
        var reason = run switch
        {
            { Result: RunResult.Timeout } => Invariant($"the agent was stopped after {plan.Timeout.TotalSeconds:0} s"),
            { CheckExitCode: { } code } => Invariant($"the check exited with {code}"),
            _ => Invariant($"the check was stopped after {plan.Timeout.TotalSeconds:0} s"),
        };
        var body = new CompleteTaskRequest(run.Result == RunResult.Succeeded, null, $"evaluate, task {run.Task}, arm {run.Arm}: {reason}", "ci");
        var answer = await api.PostAsync($"/tasks/{run.TaskId}/complete", body, ApiJson.Default.CompleteTaskRequest, cancellationToken);
        var trajectory = answer.Deserialize(ApiJson.Default.TaskResponse)!;
        return run with
        {
            TrajectoryId = trajectory.Id,
            Steps = trajectory.IterationCount,
            Tokens = trajectory.TokenUsage.Total,
            CostUsd = trajectory.CostUsd,
            ExampleIds = trajectory.ExampleIds,
        };
    }

    private Dictionary<string, string> Headers(string taskId, EvaluationArm arm)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal) { [ProxyHeaders.Task] = taskId };
        if (arm.FewShot is { } fewShot)
        {
            headers[ProxyHeaders.FewShot] = fewShot;
        }

        if (!string.IsNullOrEmpty(key))
        {
            headers[ProxyHeaders.Key] = key;
        }

        return headers;
    }

    private Dictionary<string, string> Environment(EvaluationTask task, string address)
    {
        var direct = string.Join(',', new[] { System.Environment.GetEnvironmentVariable("NO_PROXY"), "127.0.0.1", "localhost" }.Where(part => !string.IsNullOrEmpty(part)));
        return new(StringComparer.Ordinal)
        {
            ["ANTHROPIC_BASE_URL"] = address + "/anthropic",
            ["OPENAI_BASE_URL"] = address + "/openai/v1",
            ["GOOGLE_GEMINI_BASE_URL"] = address + "/gemini",
            ["BYTEBOT_LLM_PROXY_URL"] = address + "/proxy/v1",
            ["ANTHROPIC_MODEL"] = plan.Model,
            ["OPENAI_MODEL"] = plan.Model,
            ["GEMINI_MODEL"] = plan.Model,
            ["LLMPROXY_EVALUATE_URL"] = address,
            ["LLMPROXY_EVALUATE_MODEL"] = plan.Model,
            ["LLMPROXY_EVALUATE_TASK"] = task.Task,
            ["NO_PROXY"] = direct,
            ["no_proxy"] = direct,
        };
    }

    private List<string> Command(EvaluationTask task, string address)
    {
        var hasTask = plan.Agent.Any(part => part.Contains("{task}", StringComparison.Ordinal));
        return
        [
            .. plan.Agent.Select(part => part
                .Replace("{url}", address, StringComparison.Ordinal)
                .Replace("{model}", plan.Model, StringComparison.Ordinal)
                .Replace("{task}", task.Task, StringComparison.Ordinal)),
            .. hasTask ? Enumerable.Empty<string>() : [task.Task],
        ];
    }

    private string NoCalls(AgentExit agent) =>
        $"No request of {plan.Agent[0]} reached the proxy in the first run ({(agent.ExitCode is { } code ? Invariant($"it exited with {code}") : Invariant($"it was stopped after {plan.Timeout.TotalSeconds:0} s"))}). "
        + "Let the agent use the base URL in ANTHROPIC_BASE_URL, OPENAI_BASE_URL or GOOGLE_GEMINI_BASE_URL, or the placeholder {url} in its command."
        + (agent.Output.Length > 0 ? $"\nIt wrote: {agent.Output}" : "");

    private void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            progress.WriteLine($"Cannot delete {folder}: {error.Message}");
        }
    }
}
