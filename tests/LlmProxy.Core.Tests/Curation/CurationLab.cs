using LlmProxy.Core.Configuration;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Retrieval;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Curation;

/// <summary>A store in memory with a curator.</summary>
internal sealed class CurationLab
{
    private readonly ExampleCurator _curator;

    public CurationLab(IEmbeddingGenerator<string, Embedding<float>>? remote = null, ExperimentOptions? experiments = null)
    {
        var options = new LlmProxyOptions
        {
            Experiments = experiments ?? new ExperimentOptions(),
            Embeddings = remote is null ? new EmbeddingOptions { Provider = EmbeddingProvider.Lexical } : new EmbeddingOptions { Provider = EmbeddingProvider.OpenAi, Model = FixedEmbedder.Name, Dimensions = 3 },
        };
        Ledger = new ExampleLedger(Store, options.Experiments, TimeProvider.System, NullLogger<ExampleLedger>.Instance);
        _curator = new ExampleCurator(Store, Store, Ledger, new EmbeddingService(options.Embeddings, environment: _ => null, remote: remote), new TeachingKeys(options.Auth), options);
    }

    public InMemoryStore Store { get; } = new();

    public ExampleLedger Ledger { get; }

    public IReadOnlyList<Trajectory> Runs => Store.Runs;

    public void Add(Trajectory run) => Store.AddLexical(run);

    public Task<CurationReport> CurateAsync(bool dryRun = false) => _curator.CurateAsync("default", dryRun, default);
}

/// <summary>Tasks of a few kinds in changing words.</summary>
internal static class PlantedTasks
{
    private static readonly (string Kind, string[] Tools, string[] Sentences)[] Kinds =
    [
        ("invoices", ["browser_click", "browser_type"], ["Download the {0} invoice from the supplier portal and file it in the {1} folder", "Get the {0} invoice off the portal of the supplier {2} and save it", "Fetch the supplier's invoice for {0} from the web portal for {2}"]),
        ("tests", ["Edit", "Bash"], ["Fix the failing unit test of the {3} module", "The unit tests of {3} fail since {0}; find out why and fix them", "Repair the broken unit test in the {3} package"]),
        ("flights", ["book_reservation", "send_certificate"], ["Book a flight from {1} to {2} in {0} for two passengers", "Change the flight reservation to {2} so that it leaves in {0}", "Cancel the flight reservation from {1} to {2} and refund the passengers"]),
        ("sheets", ["sheet_write", "sheet_format"], ["Add a column with the sales totals of {0} to the spreadsheet", "Sum the sales rows for {2} in the spreadsheet and format the totals", "Put the {0} sales numbers into the spreadsheet as a new row"]),
        ("mails", ["send_mail"], ["Write a polite reply to the mail of {2} about the meeting in {0}", "Answer the mail from {2} and move the meeting to {0}", "Send {2} a mail that the meeting in {0} is cancelled"]),
    ];

    private static readonly string[][] Fill =
    [
        ["January", "February", "March", "April", "May", "June", "July", "August"],
        ["Berlin", "Paris", "Oslo", "Lima", "Rome", "Kyoto", "Cairo"],
        ["Miller", "Garcia", "Novak", "Chen", "Olsen", "Rossi", "Okafor"],
        ["parser", "lexer", "router", "cache", "scheduler", "logger", "storage"],
    ];

    private static readonly string[] Syllables = ["ba", "ke", "li", "mo", "nu", "ra", "so", "ti", "vu", "xe", "zo", "dri", "fla", "gru", "pli"];

    /// <summary>Adds tasks; returns the kind of each.</summary>
    /// <param name="lab">Where to.</param>
    /// <param name="seed">Of the choices.</param>
    /// <param name="tasks">How many.</param>
    /// <param name="first">Number of the first.</param>
    /// <param name="unlike">Share of tasks that are like no other.</param>
    public static IReadOnlyDictionary<string, string> Add(CurationLab lab, int seed, int tasks, int first = 0, double unlike = 0)
    {
        var random = new Random(seed);
        var kinds = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = first; i < first + tasks; i++)
        {
            var id = $"run-{i:00000}";
            var (kind, tools, sentences) = Kinds[random.Next(Kinds.Length)];
            var isUnlike = random.NextDouble() < unlike;
            var text = isUnlike ? string.Join(' ', Enumerable.Range(0, 10).Select(_ => Word(random))) : string.Format(System.Globalization.CultureInfo.InvariantCulture, sentences[random.Next(sentences.Length)], [.. Fill.Select(f => (object)f[random.Next(f.Length)])]);
            var hasFailed = random.Next(4) == 0;
            var run = TestRuns.Run(id, text, hasFailed || isUnlike ? [] : random.Next(3) == 0 ? [tools[0]] : tools);
            lab.Add(run with
            {
                StartedAt = run.StartedAt.AddMinutes(i),
                Success = !hasFailed,
                Status = hasFailed ? TrajectoryStatus.Failed : TrajectoryStatus.Completed,
                QualityScore = hasFailed ? null : 0.7 + (random.NextDouble() * 0.3),
                IterationCount = random.Next(2, 20),
            });
            kinds[id] = kind;
        }

        return kinds;
    }

    private static string Word(Random random) => string.Concat(Enumerable.Range(0, 3).Select(_ => Syllables[random.Next(Syllables.Length)]));
}

/// <summary>A remote embedder that is never asked: curation takes the stored vectors.</summary>
internal sealed class FixedEmbedder : IEmbeddingGenerator<string, Embedding<float>>
{
    public const string Name = "fixed";

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
