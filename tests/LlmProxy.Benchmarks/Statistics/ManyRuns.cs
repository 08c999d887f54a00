using System.Globalization;
using System.Text;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Statistics;

/// <summary>Runs of several models over more than a year, of every status; those of Claude with their content.</summary>
internal static class ManyRuns
{
    public const string Tenant = "default";
    private const int RunsASave = 250;
    private static readonly DateTimeOffset Begin = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static (string Provider, string Model)[] Models { get; } =
        [("anthropic", "claude-sonnet-4-6"), ("anthropic", "claude-haiku-4-5"), ("openai", "gpt-5.4"), ("openai", "gpt-4o"), ("gemini", "gemini-2.5-pro"), ("proxy", "llama")];

    public static DateTimeOffset End { get; } = Begin.AddDays(400);

    public static async Task FillAsync(ITrajectoryStore store, int runs, int steps, CancellationToken cancellationToken)
    {
        var random = new Random(7);
        foreach (var part in Enumerable.Range(0, runs).Chunk(RunsASave))
        {
            await store.SaveAsync([.. part.Select(i => Change(i, runs, steps, random))], cancellationToken);
        }
    }

    private static TrajectoryChange Change(int number, int runs, int steps, Random random)
    {
        var (provider, model) = Models[random.Next(Models.Length)];
        var start = Begin.AddDays(400.0 * number / runs);
        var status = random.Next(20) switch { 0 => TrajectoryStatus.Cancelled, 1 => TrajectoryStatus.NeedsHelp, 2 or 3 => TrajectoryStatus.Failed, _ when number > runs - 50 => TrajectoryStatus.Active, _ => TrajectoryStatus.Completed };
        bool? success = status switch { TrajectoryStatus.Failed => false, TrajectoryStatus.Completed when random.Next(10) > 0 => true, _ => null };
        var hasContent = provider == "anthropic" && status == TrajectoryStatus.Completed;
        var run = new Trajectory
        {
            Id = string.Create(CultureInfo.InvariantCulture, $"run-{number:00000000}"),
            TaskId = string.Create(CultureInfo.InvariantCulture, $"task-{number:00000000}"),
            Tenant = Tenant,
            ConversationId = string.Create(CultureInfo.InvariantCulture, $"task-{number:00000000}"),
            Provider = provider,
            Model = model,
            Client = "claude-cli/2.1.0 (external, cli)",
            TaskDescription = string.Create(CultureInfo.InvariantCulture, $"Find invoice {number} of the supplier, check its sum against the order, and file it in the archive of its year"),
            Status = status,
            Success = success,
            QualityScore = success == true ? Math.Round(random.NextDouble(), 4) : null,
            IterationCount = hasContent ? steps : random.Next(1, 40),
            ToolCallsCount = random.Next(40),
            FailedToolResults = random.Next(4),
            ClicksTotal = random.Next(3) == 0 ? 10 : 0,
            ClicksHit = 8,
            UserInterventions = random.Next(2),
            TokenUsage = new TokenUsage(random.Next(1_000_000), random.Next(20_000), 100, 100, 0),
            CostUsd = provider == "proxy" ? null : random.Next(1_000_000) / 1_000_000m,
            StartedAt = start,
            LastActivityAt = start.AddMinutes(5),
            CompletedAt = status == TrajectoryStatus.Active ? null : start.AddMinutes(5),
            OutcomeSource = status == TrajectoryStatus.Active ? null : OutcomeSource.Api,
            HasContent = hasContent,
            ToolsUsed = ["look", "file"],
        };
        return hasContent ? WithSteps(run, steps) : new TrajectoryChange { Trajectory = run };
    }

    private static TrajectoryChange WithSteps(Trajectory run, int steps)
    {
        var contents = new List<Content>();
        var system = Keep("You are a clerk who files what people ask for. Look before you act.");
        var rows = Enumerable.Range(1, steps).Select(index => new TrajectoryStep
        {
            TrajectoryId = run.Id,
            Index = index,
            ExchangeId = string.Create(CultureInfo.InvariantCulture, $"{run.Id}-{index}"),
            Dialect = DialectKind.AnthropicMessages,
            Model = run.Model,
            SystemPrompt = system,
            SentSystemPrompt = system,
            HistoryKept = (index - 1) * 2,
            Messages = [new StepMessage(Keep($$"""{"role":"user","content":"What {{run.Id}} holds at {{index}}"}"""), "user", false)],
            Reply = Keep($$"""{"role":"assistant","content":[{"type":"text","text":"I look at {{index}} of {{run.Id}}."}]}"""),
            StartedAt = run.StartedAt.AddSeconds(index),
            HttpStatus = 200,
        }).ToList();
        return new TrajectoryChange { Trajectory = run, Steps = rows, Contents = contents };

        ContentHash Keep(string text)
        {
            var content = Content.Of(Encoding.UTF8.GetBytes(text));
            contents.Add(content);
            return content.Hash;
        }
    }
}
