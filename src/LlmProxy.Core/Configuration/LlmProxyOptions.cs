namespace LlmProxy.Core.Configuration;

/// <summary>Everything that is LlmProxy's own. Any value can be overridden by environment variables (<c>LlmProxy__Recording__Enabled=false</c>) and on the command line.</summary>
public sealed class LlmProxyOptions
{
    /// <summary>What is recorded.</summary>
    public RecordingOptions Recording { get; init; } = new();

    /// <summary>How calls are assigned to tasks.</summary>
    public TaskOptions Tasks { get; init; } = new();

    /// <summary>Which outcomes may teach.</summary>
    public OutcomeOptions Outcome { get; init; } = new();

    /// <summary><see cref="Outcome"/> with the alias of <see cref="TaskOptions.IdleSuccess"/> applied.</summary>
    public OutcomeOptions GetEffectiveOutcome() =>
        Tasks.IdleSuccess == IdleSuccess.Never ? new OutcomeOptions { MinProbability = Outcome.MinProbability, RequireStated = true } : Outcome;

    /// <summary>Examples in prompts.</summary>
    public FewShotOptions FewShot { get; init; } = new();

    /// <summary>The threshold and the weights of the score: 1 - InterventionPenalty*min(interventions, MaxInterventions) - ErrorRatePenalty*max(0, errorRate-FreeErrorRate) - ClickAccuracyPenalty*max(0, WantedClickAccuracy-clickAccuracy) - IterationPenalty*max(0, iterations-FreeIterations).</summary>
    public QualityOptions Quality { get; init; } = new();

    /// <summary>Prompt templates.</summary>
    public PromptOptions Prompts { get; init; } = new();

    /// <summary>Vectors of task descriptions.</summary>
    public EmbeddingOptions Embeddings { get; init; } = new();

    /// <summary>The store.</summary>
    public StorageOptions Storage { get; init; } = new();

    /// <summary>Holdout experiment: a share of tasks gets no examples, for comparison.</summary>
    public ExperimentOptions Experiments { get; init; } = new();

    /// <summary>Scheduled curation of examples: types of tasks, and retiring harmful examples if <c>Experiments:RetireHarmful</c> is on.</summary>
    public CurationOptions Curation { get; init; } = new();

    /// <summary>Judging of finished trajectories by a model, in the background.</summary>
    public JudgeOptions Judge { get; init; } = new();

    /// <summary>Scheduled deletion of old trajectories with low scores.</summary>
    public CleanupOptions Cleanup { get; init; } = new();

    /// <summary>Settings of single upstreams, by the id of their cluster in <c>ReverseProxy:Clusters</c>.</summary>
    public IReadOnlyDictionary<string, UpstreamOptions> Upstreams { get; init; } = new Dictionary<string, UpstreamOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Where completion calls go: rules by model, client and tenant, and fallbacks.</summary>
    public RoutingOptions Routing { get; init; } = new();

    /// <summary>Limits of requests.</summary>
    public LimitOptions Limits { get; init; } = new();

    /// <summary>Keys and tenants.</summary>
    public AuthOptions Auth { get; init; } = new();

    /// <summary>Training data.</summary>
    public ExportOptions Export { get; init; } = new();

    /// <summary>The pages under <c>/_llmproxy/ui</c>.</summary>
    public DashboardOptions Dashboard { get; init; } = new();

    /// <summary>OpenTelemetry.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();

    /// <summary>Which provider a model belongs to; the first match wins, and comes before the route's own provider. A model that matches no entry has the route's provider. Open-weight models come first, so that a model distilled from Claude never counts as Claude.</summary>
    public IReadOnlyList<ModelProvider> Models { get; init; } = [];

    /// <summary>USD per million tokens; the first match wins, and a model without an entry costs null. List prices of standard processing as read in November 2026: Claude from platform.claude.com/docs/en/about-claude/pricing and its model pages (5-minute cache writes; Opus 5.5, Sonnet 5.5 and Haiku 5.5 as transcribed from there by docs.rs/synaps and the release notes of kurofune/claudit), GPT from the model pages and transcriptions of developers.openai.com/api/docs/pricing (docs.github.com models-and-pricing; docs.rs/openai-models; RooCodeInc/Roo-Code), Gemini from transcriptions of ai.google.dev/gemini-api/docs/pricing. Prices that rise with the prompt's length (Haiku 5.5 above 100k tokens, GPT-5.4 and later above 272k, Luna and Gemini Pro above 200k) are those of short prompts, so longer ones cost more than is shown. Left out: what was contradictory (GPT-5.6 Sol) and what is promotional until the end of 2026 (Gemini 3.6 to 3.8 Flash). OpenAI and Gemini have no price of cache writes where cacheWrite equals input. Correct for your contract.</summary>
    public IReadOnlyList<ModelPrice> Prices { get; init; } = [];
}

/// <summary>Settings <c>LlmProxy:Recording</c>.</summary>
public sealed class RecordingOptions
{
    /// <summary>Whether anything is recorded.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Providers whose content is recorded. Every finished task of every provider leaves its metrics row.</summary>
    [Setting(Kind = TextKind.Provider)] public IReadOnlyList<string> Providers { get; init; } = ["anthropic"];

    /// <summary>Whether the content of failed trajectories is kept, too.</summary>
    public bool Failures { get; init; }

    /// <summary>Minimum time from a task's first request to its last response. The content of a shorter task is erased after <see cref="Grace"/>; its metrics are kept. <c>auto</c>: 5s, but a task of at least two steps with a tool call is kept however quick it was.</summary>
    [Setting(Range = "0s..21d", Auto = true)] public TimeSpan? MinDuration { get; init; }

    /// <summary>Content that is not kept (of failures, of short tasks, of other providers) is hidden from examples and exports at once and erased after this time; until then an outcome can be corrected with nothing lost. 0s erases at once.</summary>
    [Setting(Range = "0s..365d")] public TimeSpan Grace { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Removal of secrets and of configured patterns before anything reaches store, log or trace. False switches it off.</summary>
    [Setting(Switch = true)] public RedactionOptions Redaction { get; init; } = new();

    /// <summary>Maximum size of a body that is buffered and recorded. A larger one is forwarded as a stream and its record is marked truncated.</summary>
    [Setting(Range = ">0")] public long MaxBodyBytes { get; init; } = 64L << 20;

    /// <summary>Largest sum of all that recording holds in memory: request bodies (decoded and rewritten ones too), replies that are assembled, and what is being stored. Beyond it a request is forwarded as a stream, and a reply is assembled later.</summary>
    [Setting(Range = ">0")] public long MaxBufferedBytes { get; init; } = 256L << 20;

    /// <summary>The spool, in which exchanges wait until they are in the store.</summary>
    public SpoolOptions Spool { get; init; } = new();

    /// <summary>Responses over WebSocket, while recording or prompts apply.</summary>
    public WebSocketMode WebSockets { get; init; }
}

/// <summary>Settings <c>LlmProxy:Recording:Redaction</c>.</summary>
public sealed class RedactionOptions
{
    /// <summary>Whether secrets are removed.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>What else is removed. Lookaround, atomic groups and references back are refused: they have no limit of time.</summary>
    [Setting(Kind = TextKind.Expression, Linear = true)] public IReadOnlyList<string> Patterns { get; init; } = [];
}

/// <summary>Settings <c>LlmProxy:Recording:Spool</c>.</summary>
public sealed class SpoolOptions
{
    /// <summary>The spool's folder. Each process needs its own. A relative path is relative to proxy.json.</summary>
    public string Directory { get; init; } = "data/spool";

    /// <summary>Maximum size of the spool. While it is full, new exchanges are not recorded, and counted.</summary>
    [Setting(Range = ">0")] public long MaxBytes { get; init; } = 1L << 30;

    /// <summary>Time between syncs to the disk; 0s for never.</summary>
    [Setting(Range = "0s..21d")] public TimeSpan Fsync { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether bodies in the spool are encrypted (AES-256-GCM). The keys are in KeyDirectory.</summary>
    public bool Encrypt { get; init; }

    /// <summary>Folder of the data protection keys that protect the keys of an encrypted spool; put it on another disk than the spool. A relative path is relative to proxy.json.</summary>
    public string KeyDirectory { get; init; } = "data/keys";
}

/// <summary>Settings <c>LlmProxy:FewShot</c>.</summary>
public sealed class FewShotOptions
{
    /// <summary>Whether examples are put into prompts.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Maximum number of examples in a prompt; 0 for none.</summary>
    [Setting(Range = "0..")] public int Count { get; init; } = 3;

    /// <summary>Providers whose trajectories may be examples.</summary>
    [Setting(Kind = TextKind.Provider)] public IReadOnlyList<string> SourceProviders { get; init; } = ["anthropic"];

    /// <summary>Minimum cosine similarity. Null: the embedder's own default, 0.7 for text-embedding-3-small.</summary>
    [Setting(Range = "0..1")] public double? MinSimilarity { get; init; }

    /// <summary>Maximum size of the section with the examples, in tokens (characters / 4).</summary>
    [Setting(Range = ">0")] public int MaxTokens { get; init; } = 1500;

    /// <summary>Maximum size of the section as a share of the agent's own prompt, if that is large.</summary>
    [Setting(Range = "0..1")] public double MaxPromptShare { get; init; } = 0.25;

    /// <summary>Whose trajectories may be examples.</summary>
    public ExampleScope Scope { get; init; }

    /// <summary>Use of trajectories whose decisive tools (those that change something) the request does not offer.</summary>
    public ToolMatch ToolMatch { get; init; }

    /// <summary>Maximum time for finding examples on a task's first call. Null: 300ms with the lexical embedder, 600ms with the local one, 1.5s with a remote one.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>Settings <c>LlmProxy:Quality</c>.</summary>
public sealed class QualityOptions
{
    /// <summary>Minimum score of trajectories that become examples.</summary>
    [Setting(Range = "0..1")] public double Threshold { get; init; } = 0.7;

    /// <summary>Iterations that cost nothing. Null: the preset's, 60 for coding agents, else 10.</summary>
    [Setting(Range = "0..")] public int? FreeIterations { get; init; }

    /// <summary>Weight of one intervention.</summary>
    [Setting(Range = "0..1")] public double InterventionPenalty { get; init; } = 0.3;

    /// <summary>Maximum number of interventions that count.</summary>
    [Setting(Range = "0..")] public int MaxInterventions { get; init; } = 3;

    /// <summary>Weight of the error rate above <see cref="FreeErrorRate"/>.</summary>
    [Setting(Range = "0..1")] public double ErrorRatePenalty { get; init; } = 0.2;

    /// <summary>Error rate that costs nothing.</summary>
    [Setting(Range = "0..1")] public double FreeErrorRate { get; init; } = 0.1;

    /// <summary>Weight of the click accuracy below <see cref="WantedClickAccuracy"/>.</summary>
    [Setting(Range = "0..1")] public double ClickAccuracyPenalty { get; init; } = 0.2;

    /// <summary>Click accuracy that costs nothing.</summary>
    [Setting(Range = "0..1")] public double WantedClickAccuracy { get; init; } = 0.8;

    /// <summary>Weight of one iteration above the free ones.</summary>
    [Setting(Range = "0..1")] public double IterationPenalty { get; init; } = 0.02;
}

/// <summary>Settings <c>LlmProxy:Prompts</c>.</summary>
public sealed class PromptOptions
{
    /// <summary>Whether prompts are rewritten.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Folder of the templates. A relative path is relative to proxy.json.</summary>
    public string Directory { get; init; } = "templates";

    /// <summary>The heading before which the proxy's part is inserted.</summary>
    public string InsertBefore { get; init; } = "OPERATING PRINCIPLES";

    /// <summary>Which calls are rewritten.</summary>
    public PromptScope ApplyTo { get; init; }

    /// <summary>Whether Claude's prompts are rewritten, too, with <c>anthropic.sbn</c>.</summary>
    public bool RewriteClaude { get; init; }
}

/// <summary>Settings <c>LlmProxy:Embeddings</c>.</summary>
public sealed class EmbeddingOptions
{
    /// <summary>Which embedder is used.</summary>
    public EmbeddingProvider Provider { get; init; }

    /// <summary>The remote embedder's model.</summary>
    public string Model { get; init; } = "text-embedding-3-small";

    /// <summary>Length of the remote embedder's vectors.</summary>
    [Setting(Range = ">0")] public int Dimensions { get; init; } = 1536;

    /// <summary>Address of the remote embedder, with <c>/v1</c>. Null: OpenAI's own.</summary>
    [Setting(Kind = TextKind.Address, Fix = "write an address such as http://localhost:11434/v1.")] public string? Endpoint { get; init; }

    /// <summary>Key of the remote embedder. Null: from <c>BYTEBOT_EMBEDDING_API_KEY</c> or <c>OPENAI_API_KEY</c>. A client's key is never used. Preferably set it in the environment: <c>LlmProxy__Embeddings__ApiKey</c>.</summary>
    [Setting(Secret = true)] public string? ApiKey { get; init; }
}

/// <summary>Settings <c>LlmProxy:Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>Which database holds the store.</summary>
    public StoreProvider Provider { get; init; }

    /// <summary>Connection string; for PostgreSQL a <c>postgres://</c> address is accepted, too. <c>DATABASE_URL</c> is used if neither setting of this section was changed.</summary>
    [Setting(Secret = true)] public string ConnectionString { get; init; } = "Data Source=data/llmproxy.db";
}

/// <summary>Settings <c>LlmProxy:Experiments</c>.</summary>
public sealed class ExperimentOptions
{
    /// <summary>Whether a share of tasks gets no examples.</summary>
    public bool Enabled { get; init; }

    /// <summary>Share of tasks that get no examples.</summary>
    [Setting(Range = "0..1")] public double Holdout { get; init; } = 0.1;

    /// <summary>Whether examples whose tasks succeed less often than those without examples, with a probability of 99 %, are retired automatically. Pinned ones stay.</summary>
    public bool RetireHarmful { get; init; }
}

/// <summary>Settings <c>LlmProxy:Curation</c>.</summary>
public sealed class CurationOptions
{
    /// <summary>Interval between curations of a tenant, over all replicas that share a store. Null: only <c>llmproxy examples curate</c>.</summary>
    public TimeSpan? Every { get; init; }
}

/// <summary>Settings <c>LlmProxy:Judge</c>.</summary>
public sealed class JudgeOptions
{
    /// <summary>Whether a model judges finished trajectories. Their recorded text, without secrets, is sent to it.</summary>
    public bool Enabled { get; init; }

    /// <summary>The model that judges. It needs an entry in <c>Prices</c>, since its calls are paid from a budget.</summary>
    public string? Model { get; init; }

    /// <summary>Address of the model's server. Claude models are called as Anthropic's (without <c>/v1</c>), all others as OpenAI's Chat Completions (with <c>/v1</c>). Null: the provider's own. To use an upstream of this proxy, write the proxy's address.</summary>
    [Setting(Kind = TextKind.Address, Fix = "write an address such as http://localhost:11434/v1.")] public string? Endpoint { get; init; }

    /// <summary>Environment variable with the key of the model's server. A client's key is never used.</summary>
    public string? ApiKeyEnv { get; init; }

    /// <summary>Providers whose trajectories are judged. Empty: all.</summary>
    [Setting(Kind = TextKind.Provider)] public IReadOnlyList<string> Providers { get; init; } = [];

    /// <summary>Maximum cost in USD on one day (UTC), over all replicas that share a store. A call is sent only if its upper estimate is left.</summary>
    [Setting(Range = "0..")] public decimal MaxUsdPerDay { get; init; } = 1;

    /// <summary>Share of trajectories that are judged.</summary>
    [Setting(Range = "0..1")] public double Sample { get; init; } = 1;

    /// <summary>Maximum time of a call, with its retries.</summary>
    [Setting(Range = "1s..1h")] public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>Settings <c>LlmProxy:Cleanup</c>.</summary>
public sealed class CleanupOptions
{
    /// <summary>Interval between cleanups. Null: never.</summary>
    public TimeSpan? Every { get; init; }

    /// <summary>Only trajectories that ended at least this many days ago are deleted.</summary>
    [Setting(Range = "0..")] public int OlderThanDays { get; init; } = 90;

    /// <summary>Only trajectories with at most this score are deleted.</summary>
    [Setting(Range = "0..1")] public double MaxQuality { get; init; } = 0.3;
}

/// <summary>Settings <c>LlmProxy:Upstreams</c> of one upstream.</summary>
public sealed class UpstreamOptions
{
    /// <summary>Environment variable with the provider's key, which the proxy adds to requests. Null: the client's own key is forwarded.</summary>
    public string? ApiKeyEnv { get; init; }

    /// <summary>Maximum number of retries after connection failures, and after responses with one of <see cref="RetryStatuses"/>, before the first byte.</summary>
    [Setting(Range = "0..")] public int Retries { get; init; } = 2;

    /// <summary>Statuses of responses that are retried, such as 429, 502, 503, 529, after the time in Retry-After. Only requests whose body was buffered are retried. Empty: retries are left to the clients.</summary>
    [Setting(Range = "400..599", Fix = "write HTTP statuses from 400 to 599, such as 429, 502, 503, 529.")] public IReadOnlyList<int> RetryStatuses { get; init; } = [];

    /// <summary>Minimum number of attempts on one destination within 30 s, half of which must have failed, before its circuit breaker opens for <see cref="BreakFor"/> and requests are rejected at once. 0: never; else 2 or more.</summary>
    [Setting(Range = "0..")] public int BreakAfter { get; init; } = 10;

    /// <summary>How long the circuit breaker of a failing destination stays open.</summary>
    [Setting(Range = "500ms..1d")] public TimeSpan BreakFor { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Maximum time between two reads.</summary>
    public TimeSpan ActivityTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Maximum wait for the response's headers.</summary>
    public TimeSpan FirstByteTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Maximum time of a whole exchange. Null: none.</summary>
    public TimeSpan? TotalTimeout { get; init; }
}

/// <summary>Settings <c>LlmProxy:Limits</c>.</summary>
public sealed class LimitOptions
{
    /// <summary>Maximum size of a request body. Null: none.</summary>
    [Setting(Range = ">0")] public long? MaxRequestBytes { get; init; }

    /// <summary>Maximum size of a request's header names and values together.</summary>
    [Setting(Range = "1KiB..1MiB")] public long MaxHeaderBytes { get; init; } = 64 << 10;

    /// <summary>Maximum number of concurrent requests of one key; without keys, of all callers together. Null: any number.</summary>
    [Setting(Range = ">0")] public int? MaxStreamsPerKey { get; init; }
}

/// <summary>Settings <c>LlmProxy:Auth</c>.</summary>
public sealed class AuthOptions
{
    /// <summary>If there are keys, every request needs one in <c>LlmProxy-Key</c>. <c>llmproxy keys create</c> prints an entry. Without keys the proxy listens on loopback alone.</summary>
    public IReadOnlyList<AuthKey> Keys { get; init; } = [];

    /// <summary>With <c>--insecure</c>: all callers share one tenant, and examples are used.</summary>
    public bool SharedTenant { get; init; }

    /// <summary>Without keys, host names by which requests may address the proxy, in addition to those of loopback, of the machine, of its configured addresses, and of the host as containers call it; <c>*</c> matches any characters. Keeps web pages out whose site resolves its name to this machine.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Origins of web pages that may send requests, such as <c>http://localhost:3000</c>; <c>*</c> matches any characters.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>Without keys, which requests under <c>/_llmproxy</c> need the local token, which only the user who runs the proxy can read: those that change or delete what is stored, or all of them.</summary>
    public LocalTokenScope LocalToken { get; init; }
}

/// <summary>A key. Either sha256 or env.</summary>
public sealed class AuthKey
{
    /// <summary>Name of the key in logs.</summary>
    [Setting(Required = "give the key a name for the logs.")] public string Name { get; init; } = "";

    /// <summary>Tenant whose trajectories the key gives access to.</summary>
    public string Tenant { get; init; } = "default";

    /// <summary>SHA-256 of the key.</summary>
    [Setting(Secret = true, Pattern = "^[0-9A-Fa-f]{64}$", Fix = "is no SHA-256: write its 64 hexadecimal digits (printf %s KEY | sha256sum), not the key itself.")] public string? Sha256 { get; init; }

    /// <summary>Environment variable that holds the key, instead of sha256.</summary>
    public string? Env { get; init; }

    /// <summary>Whether the key gives access to <c>/_llmproxy</c>.</summary>
    public bool Admin { get; init; }

    /// <summary>Whether its runs may become examples for other models. With false they are recorded and never shown to one; it holds for runs that are recorded already, too.</summary>
    public bool CanTeach { get; init; } = true;
}

/// <summary>Settings <c>LlmProxy:Export</c>.</summary>
public sealed class ExportOptions
{
    /// <summary>Providers whose outputs may be exported. Empty: all, with a notice.</summary>
    [Setting(Kind = TextKind.Provider)] public IReadOnlyList<string> AllowProviders { get; init; } = [];
}

/// <summary>Settings <c>LlmProxy:Dashboard</c>.</summary>
public sealed class DashboardOptions
{
    /// <summary>Whether the pages are served.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Whether the pages may write template files. Null: if no keys are configured.</summary>
    public bool? EditTemplates { get; init; }
}

/// <summary>Settings <c>LlmProxy:Telemetry</c>.</summary>
public sealed class TelemetryOptions
{
    /// <summary>Address of an OTLP receiver, such as <c>http://localhost:4317</c>. Null: off.</summary>
    [Setting(Kind = TextKind.Address, Fix = "write an address such as http://localhost:4317.")] public string? Otlp { get; init; }

    /// <summary>Whether trace context is sent upstream.</summary>
    public bool Propagate { get; init; }

    /// <summary>Whether spans contain the text of prompts and replies.</summary>
    public bool CaptureContent { get; init; }

    /// <summary>Whether metrics are served in Prometheus' text format at <c>GET /metrics</c>.</summary>
    public bool Prometheus { get; init; }
}

/// <summary>The provider of models.</summary>
/// <param name="Pattern">Model name; <c>*</c> matches any characters.</param>
/// <param name="Provider">Their provider.</param>
public sealed record ModelProvider(
    [property: Setting(Required = "write a model's name; * matches any characters.")] string Pattern,
    [property: Setting(Required = "write the models' provider.", Kind = TextKind.Provider)] string Provider)
{
    /// <summary>An empty entry, which settings are read into.</summary>
    public ModelProvider()
        : this("", "")
    {
    }
}

/// <summary>The price of models, in USD per million tokens.</summary>
/// <param name="Pattern">Model name; <c>*</c> matches any characters.</param>
/// <param name="Input">Uncached input.</param>
/// <param name="Output">Output.</param>
/// <param name="CacheRead">Input read from a cache.</param>
/// <param name="CacheWrite">Input written to a cache.</param>
public sealed record ModelPrice(
    [property: Setting(Required = "write a model's name; * matches any characters.")] string Pattern,
    [property: Setting(Required = ModelPrice.Fix, Range = "0..", Fix = ModelPrice.Fix)] decimal Input,
    [property: Setting(Required = ModelPrice.Fix, Range = "0..", Fix = ModelPrice.Fix)] decimal Output,
    [property: Setting(Required = ModelPrice.Fix, Range = "0..", Fix = ModelPrice.Fix)] decimal CacheRead,
    [property: Setting(Required = ModelPrice.Fix, Range = "0..", Fix = ModelPrice.Fix)] decimal CacheWrite)
{
    internal const string Fix = "write a price of 0 or more, in USD per million tokens.";

    private const string FactorFix = "write a factor of 0 or more, such as 2 for twice the price.";

    /// <summary>Factor of the prices in Anthropic's fast mode; without it, the cost of such calls is unknown.</summary>
    [Setting(Range = "0..", Fix = FactorFix)]
    public decimal? Fast { get; init; }

    /// <summary>Factor of the prices at priority processing; without it, the cost of such calls is unknown. Batch and flex processing cost half.</summary>
    [Setting(Range = "0..", Fix = FactorFix)]
    public decimal? Priority { get; init; }

    /// <summary>USD per thousand web searches that the provider ran.</summary>
    [Setting(Range = "0..", Fix = "write a price of 0 or more, in USD per thousand searches.")]
    public decimal WebSearch { get; init; } = 10;

    /// <summary>An empty entry, which settings are read into.</summary>
    public ModelPrice()
        : this("", 0, 0, 0, 0)
    {
    }
}
