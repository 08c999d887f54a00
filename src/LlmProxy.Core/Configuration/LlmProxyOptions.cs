namespace LlmProxy.Core.Configuration;

/// <summary>Section <c>LlmProxy</c> of <c>proxy.json</c>. Defaults here equal the shipped file.</summary>
public sealed class LlmProxyOptions
{
    /// <summary>What is recorded.</summary>
    public RecordingOptions Recording { get; init; } = new();

    /// <summary>How calls become tasks.</summary>
    public TaskOptions Tasks { get; init; } = new();

    /// <summary>Examples in prompts.</summary>
    public FewShotOptions FewShot { get; init; } = new();

    /// <summary>Scores.</summary>
    public QualityOptions Quality { get; init; } = new();

    /// <summary>Prompt templates.</summary>
    public PromptOptions Prompts { get; init; } = new();

    /// <summary>Vectors.</summary>
    public EmbeddingOptions Embeddings { get; init; } = new();

    /// <summary>The store.</summary>
    public StorageOptions Storage { get; init; } = new();

    /// <summary>Experiments.</summary>
    public ExperimentOptions Experiments { get; init; } = new();

    /// <summary>Scheduled cleanup.</summary>
    public CleanupOptions Cleanup { get; init; } = new();

    /// <summary>Prices in USD per million tokens, first match wins.</summary>
    public IReadOnlyList<ModelPrice> Prices { get; init; } = [];

    /// <summary>Which provider a model belongs to, first match wins; before the route's own provider.</summary>
    public IReadOnlyList<ModelProvider> Models { get; init; } = [];

    /// <summary>Settings of single upstreams, by cluster id.</summary>
    public IReadOnlyDictionary<string, UpstreamOptions> Upstreams { get; init; } = new Dictionary<string, UpstreamOptions>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Limits of the traffic.</summary>
    public LimitOptions Limits { get; init; } = new();

    /// <summary>Keys and tenants.</summary>
    public AuthOptions Auth { get; init; } = new();

    /// <summary>Export.</summary>
    public ExportOptions Export { get; init; } = new();

    /// <summary>Telemetry.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();
}

/// <summary>Settings <c>LlmProxy:Recording</c>.</summary>
public sealed class RecordingOptions
{
    /// <summary>Whether anything is recorded.</summary>
    /// <value>True.</value>
    public bool Enabled { get; init; } = true;

    /// <summary>Providers whose content is recorded.</summary>
    /// <value><c>anthropic</c>.</value>
    public IReadOnlyList<string> Providers { get; init; } = ["anthropic"];

    /// <summary>Keep the content of failed runs too.</summary>
    /// <value>False.</value>
    public bool Failures { get; init; }

    /// <summary>Shorter runs (first request to last answer) keep their metrics and lose their content.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan MinDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Removal of secrets before anything is stored.</summary>
    public RedactionOptions Redaction { get; init; } = new();

    /// <summary>Largest body that is buffered and recorded, in bytes.</summary>
    /// <value>64 MiB.</value>
    public long MaxBodyBytes { get; init; } = 64L << 20;

    /// <summary>Largest sum of buffered bodies of all requests, in bytes.</summary>
    /// <value>256 MiB.</value>
    public long MaxBufferedBytes { get; init; } = 256L << 20;

    /// <summary>The spool.</summary>
    public SpoolOptions Spool { get; init; } = new();

    /// <summary>Responses over WebSocket: <c>refuse</c> or <c>pass</c>.</summary>
    /// <value><c>refuse</c>.</value>
    public string WebSockets { get; init; } = "refuse";
}

/// <summary>Settings <c>LlmProxy:Recording:Redaction</c>; the value <c>false</c> for the whole section switches it off.</summary>
public sealed class RedactionOptions
{
    /// <summary>Whether secrets are removed.</summary>
    /// <value>True.</value>
    public bool Enabled { get; init; } = true;

    /// <summary>Further regular expressions (.NET) whose matches are removed.</summary>
    public IReadOnlyList<string> Patterns { get; init; } = [];
}

/// <summary>Settings <c>LlmProxy:Recording:Spool</c>.</summary>
public sealed class SpoolOptions
{
    /// <summary>Folder; one process each.</summary>
    /// <value><c>data/spool</c>.</value>
    public string Directory { get; init; } = "data/spool";

    /// <summary>Largest size, in bytes; beyond it new calls are not recorded, and counted.</summary>
    /// <value>1 GiB.</value>
    public long MaxBytes { get; init; } = 1L << 30;

    /// <summary>Time between syncs to the disk; zero for never.</summary>
    /// <value>1 second.</value>
    public TimeSpan Fsync { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>Settings <c>LlmProxy:Tasks</c>.</summary>
public sealed class TaskOptions
{
    /// <summary><c>auto</c> or a preset's name.</summary>
    /// <value><c>auto</c>.</value>
    public string Preset { get; init; } = "auto";

    /// <summary><c>conversation</c>, <c>turn</c>, or null for the preset's own.</summary>
    public string? Boundary { get; init; }

    /// <summary>After a turn that ended cleanly: how long until the outcome is final.</summary>
    /// <value>1 minute.</value>
    public TimeSpan EndOfTurnGrace { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>In any other state: how long without a call until the task is closed.</summary>
    /// <value>15 minutes.</value>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary><c>clean</c> or <c>never</c>: whether an idle task can count as a success.</summary>
    /// <value><c>clean</c>.</value>
    public string IdleSuccess { get; init; } = "clean";

    /// <summary>Presets by name; those of the configuration are laid over the shipped ones.</summary>
    public IReadOnlyDictionary<string, TaskPreset> Presets { get; init; } = new Dictionary<string, TaskPreset>(StringComparer.OrdinalIgnoreCase);
}

/// <summary>Settings <c>LlmProxy:Tasks:Presets:NAME</c>: the rules of one kind of client. Regular expressions are .NET's, culture-invariant, matched case-sensitively.</summary>
public sealed class TaskPreset
{
    /// <summary>How the client is recognised by <c>auto</c>: header name to a regular expression of its value; all must match. Empty: never recognised by headers.</summary>
    public IReadOnlyDictionary<string, string> RecognizeHeaders { get; init; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Or by its system prompt: a regular expression.</summary>
    public string? RecognizeSystem { get; init; }

    /// <summary><c>conversation</c> or <c>turn</c>.</summary>
    public string Boundary { get; init; } = "conversation";

    /// <summary>Headers that hold the client's session id, first found wins.</summary>
    public IReadOnlyList<string> SessionHeaders { get; init; } = [];

    /// <summary>A call is a side call when one of these matches its system prompt.</summary>
    public IReadOnlyList<string> SideCallSystem { get; init; } = [];

    /// <summary>Whether every call of the client's main loop offers tools, so that one without is a side call.</summary>
    public bool SideCallWithoutTools { get; init; }

    /// <summary>Tools that end a task.</summary>
    public IReadOnlyList<TerminalTool> TerminalTools { get; init; } = [];

    /// <summary>A tool result whose text matches one of these is a failure (beside the dialect's own error flag).</summary>
    public IReadOnlyList<string> ErrorResults { get; init; } = [];

    /// <summary>A tool result whose text matches one of these is no failure, whatever the flag says.</summary>
    public IReadOnlyList<string> GuardResults { get; init; } = [];

    /// <summary>A user message whose text matches one of these is an intervention.</summary>
    public IReadOnlyList<string> Interventions { get; init; } = [];

    /// <summary>Tools whose calls are clicks.</summary>
    public IReadOnlyList<string> ClickTools { get; init; } = [];

    /// <summary>A click's result that matches one of these hit.</summary>
    public IReadOnlyList<string> ClickHits { get; init; } = [];

    /// <summary>Regular expressions of boilerplate that is cut from the first user message to get the task's description.</summary>
    public IReadOnlyList<string> Boilerplate { get; init; } = [];

    /// <summary>Iterations that cost no quality; null for <see cref="QualityOptions.FreeIterations"/>.</summary>
    public int? FreeIterations { get; init; }
}

/// <summary>A tool whose call ends a task.</summary>
public sealed class TerminalTool
{
    /// <summary>The tool's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Property of the arguments that holds the status.</summary>
    public string StatusProperty { get; init; } = "status";

    /// <summary>Values of it that mean success.</summary>
    public IReadOnlyList<string> Completed { get; init; } = ["completed"];

    /// <summary>Values of it that mean failure.</summary>
    public IReadOnlyList<string> Failed { get; init; } = ["failed"];

    /// <summary>Values of it that mean that help is needed.</summary>
    public IReadOnlyList<string> NeedsHelp { get; init; } = ["needs_help"];
}

/// <summary>Settings <c>LlmProxy:FewShot</c>.</summary>
public sealed class FewShotOptions
{
    /// <summary>Whether examples are put into prompts.</summary>
    /// <value>True.</value>
    public bool Enabled { get; init; } = true;

    /// <summary>How many at most.</summary>
    /// <value>3; 0 is none.</value>
    public int Count { get; init; } = 3;

    /// <summary>Providers whose runs may be examples.</summary>
    /// <value><c>anthropic</c>.</value>
    public IReadOnlyList<string> SourceProviders { get; init; } = ["anthropic"];

    /// <summary>Least cosine similarity; null for the embedder's own default.</summary>
    public double? MinSimilarity { get; init; }

    /// <summary>Largest size of the section, in tokens (estimated as characters / 4).</summary>
    /// <value>1500.</value>
    public int MaxTokens { get; init; } = 1500;

    /// <summary>Largest share of the agent's own prompt where that is large.</summary>
    /// <value>0.25.</value>
    public double MaxPromptShare { get; init; } = 0.25;

    /// <summary>
    /// What becomes of a run whose decisive tools (those that change something) the request does not offer:
    /// <c>prefer</c> (left out where none is offered, behind others where fewer than half are), <c>require</c> (left out
    /// unless all are offered), or <c>ignore</c>.
    /// </summary>
    /// <value><c>prefer</c>.</value>
    public string ToolMatch { get; init; } = "prefer";

    /// <summary>Longest time for finding examples on a task's first call; null for 300 ms lexical, 1.5 s with a remote embedder.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>Settings <c>LlmProxy:Quality</c>: the threshold and the weights of the score.</summary>
public sealed class QualityOptions
{
    /// <summary>Only runs at or above it become examples.</summary>
    /// <value>0.7.</value>
    public double Threshold { get; init; } = 0.7;

    /// <summary>Iterations that cost nothing; null for the preset's (10, coding agents 60).</summary>
    public int? FreeIterations { get; init; }

    /// <summary>Cost of one intervention.</summary>
    /// <value>0.3.</value>
    public double InterventionPenalty { get; init; } = 0.3;

    /// <summary>Interventions that count at most.</summary>
    /// <value>3.</value>
    public int MaxInterventions { get; init; } = 3;

    /// <summary>Weight of the error rate above <see cref="FreeErrorRate"/>.</summary>
    /// <value>0.2.</value>
    public double ErrorRatePenalty { get; init; } = 0.2;

    /// <summary>Error rate that costs nothing.</summary>
    /// <value>0.1.</value>
    public double FreeErrorRate { get; init; } = 0.1;

    /// <summary>Weight of the click accuracy below <see cref="WantedClickAccuracy"/>.</summary>
    /// <value>0.2.</value>
    public double ClickAccuracyPenalty { get; init; } = 0.2;

    /// <summary>Click accuracy that costs nothing.</summary>
    /// <value>0.8.</value>
    public double WantedClickAccuracy { get; init; } = 0.8;

    /// <summary>Cost of one iteration above the free ones.</summary>
    /// <value>0.02.</value>
    public double IterationPenalty { get; init; } = 0.02;
}

/// <summary>Settings <c>LlmProxy:Prompts</c>.</summary>
public sealed class PromptOptions
{
    /// <summary>Whether prompts are rewritten.</summary>
    /// <value>True.</value>
    public bool Enabled { get; init; } = true;

    /// <summary>Folder of the templates.</summary>
    /// <value><c>templates</c>.</value>
    public string Directory { get; init; } = "templates";

    /// <summary>The heading before which the proxy's part stands.</summary>
    /// <value><c>OPERATING PRINCIPLES</c>.</value>
    public string InsertBefore { get; init; } = "OPERATING PRINCIPLES";

    /// <summary><c>agents</c> (calls that offer tools and are no side call) or <c>all</c>.</summary>
    /// <value><c>agents</c>.</value>
    public string ApplyTo { get; init; } = "agents";

    /// <summary>Rewrite Claude's prompts too, with <c>anthropic.sbn</c>.</summary>
    /// <value>False.</value>
    public bool RewriteClaude { get; init; }
}

/// <summary>Settings <c>LlmProxy:Embeddings</c>.</summary>
public sealed class EmbeddingOptions
{
    /// <summary><c>auto</c>, <c>openai</c> or <c>lexical</c>.</summary>
    /// <value><c>auto</c>: OpenAI where a key is set or in the environment, else lexical.</value>
    public string Provider { get; init; } = "auto";

    /// <summary>The remote embedder's model.</summary>
    /// <value><c>text-embedding-3-small</c>.</value>
    public string Model { get; init; } = "text-embedding-3-small";

    /// <summary>Length of its vectors.</summary>
    /// <value>1536.</value>
    public int Dimensions { get; init; } = 1536;

    /// <summary>Its address (with <c>/v1</c>), or null for OpenAI's own.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Its key; from <c>BYTEBOT_EMBEDDING_API_KEY</c> or <c>OPENAI_API_KEY</c> where not set. Never a client's key.</summary>
    public string? ApiKey { get; init; }
}

/// <summary>Settings <c>LlmProxy:Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary><c>sqlite</c> or <c>postgres</c>.</summary>
    /// <value><c>sqlite</c>.</value>
    public string Provider { get; init; } = "sqlite";

    /// <summary>Connection string.</summary>
    /// <value><c>Data Source=data/llmproxy.db</c>.</value>
    public string ConnectionString { get; init; } = "Data Source=data/llmproxy.db";
}

/// <summary>Settings <c>LlmProxy:Experiments</c>.</summary>
public sealed class ExperimentOptions
{
    /// <summary>Whether a share of tasks gets no examples, for comparison.</summary>
    /// <value>False.</value>
    public bool Enabled { get; init; }

    /// <summary>That share.</summary>
    /// <value>0.1.</value>
    public double Holdout { get; init; } = 0.1;

    /// <summary>Whether examples whose tasks succeed less often than the holdout's, with a probability of 99 %, are retired by themselves. Pinned ones stay.</summary>
    /// <value>False: they are shown with the evidence.</value>
    public bool RetireHarmful { get; init; }
}

/// <summary>Settings <c>LlmProxy:Cleanup</c>.</summary>
public sealed class CleanupOptions
{
    /// <summary>How often; null for never.</summary>
    public TimeSpan? Every { get; init; }

    /// <summary>Only runs that ended so long ago.</summary>
    /// <value>90.</value>
    public int OlderThanDays { get; init; } = 90;

    /// <summary>Only runs that score at most so much.</summary>
    /// <value>0.3.</value>
    public double MaxQuality { get; init; } = 0.3;
}

/// <summary>A price: <c>LlmProxy:Prices</c>. USD per million tokens.</summary>
/// <param name="Pattern">Model name with <c>*</c>.</param>
/// <param name="Input">Uncached input.</param>
/// <param name="Output">Output.</param>
/// <param name="CacheRead">Input read from a cache.</param>
/// <param name="CacheWrite">Input written to a cache.</param>
public sealed record ModelPrice(string Pattern, decimal Input, decimal Output, decimal CacheRead, decimal CacheWrite);

/// <summary>An entry of <c>LlmProxy:Models</c>.</summary>
/// <param name="Pattern">Model name with <c>*</c>.</param>
/// <param name="Provider"><c>anthropic</c>, <c>openai</c>, <c>gemini</c> or <c>proxy</c>.</param>
public sealed record ModelProvider(string Pattern, string Provider);

/// <summary>Settings <c>LlmProxy:Upstreams:CLUSTER</c>.</summary>
public sealed class UpstreamOptions
{
    /// <summary>Environment variable with the provider's key, which this proxy then adds; null for the client's own.</summary>
    public string? ApiKeyEnv { get; init; }

    /// <summary>Retries of connection failures, and of answers with <see cref="RetryStatuses"/>, before the first byte.</summary>
    /// <value>2.</value>
    public int Retries { get; init; } = 2;

    /// <summary>Statuses of answers that are tried again, such as 429, 502, 503 and 529.</summary>
    /// <value>None: clients retry by themselves.</value>
    public IReadOnlyList<int> RetryStatuses { get; init; } = [];

    /// <summary>Tries of one destination within 30 s, half of which must have failed, after which it is left alone for <see cref="BreakFor"/>; 0 for never, else 2 or more.</summary>
    /// <value>10.</value>
    public int BreakAfter { get; init; } = 10;

    /// <summary>How long a destination that keeps failing is left alone.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan BreakFor { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest silence between two reads.</summary>
    /// <value>10 minutes.</value>
    public TimeSpan ActivityTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest wait for the answer's headers.</summary>
    /// <value>10 minutes.</value>
    public TimeSpan FirstByteTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Longest time of a whole call; null for none.</summary>
    public TimeSpan? TotalTimeout { get; init; }
}

/// <summary>Settings <c>LlmProxy:Limits</c>.</summary>
public sealed class LimitOptions
{
    /// <summary>Largest request body, in bytes; null for none.</summary>
    public long? MaxRequestBytes { get; init; }

    /// <summary>Largest sum of a request's header names and values, in bytes.</summary>
    /// <value>64 KiB.</value>
    public long MaxHeaderBytes { get; init; } = 64 << 10;

    /// <summary>Calls under way at a time of one key (without keys: of all callers together); null for any number.</summary>
    public int? MaxStreamsPerKey { get; init; }
}

/// <summary>Settings <c>LlmProxy:Auth</c>.</summary>
public sealed class AuthOptions
{
    /// <summary>Keys; empty for a proxy without keys, on loopback alone.</summary>
    public IReadOnlyList<AuthKey> Keys { get; init; } = [];

    /// <summary>With <c>--insecure</c>: all callers share one tenant, and examples are used.</summary>
    /// <value>False.</value>
    public bool SharedTenant { get; init; }
}

/// <summary>A key: <c>LlmProxy:Auth:Keys</c>.</summary>
public sealed class AuthKey
{
    /// <summary>Its name in logs.</summary>
    public string Name { get; init; } = "";

    /// <summary>Whose runs it sees.</summary>
    public string Tenant { get; init; } = "default";

    /// <summary>SHA-256 of the key, 64 hexadecimal digits.</summary>
    public string? Sha256 { get; init; }

    /// <summary>Or the environment variable that holds the key.</summary>
    public string? Env { get; init; }

    /// <summary>Whether it opens <c>/_llmproxy</c>.</summary>
    public bool Admin { get; init; }
}

/// <summary>Settings <c>LlmProxy:Export</c>.</summary>
public sealed class ExportOptions
{
    /// <summary>Providers whose outputs may be exported; empty for all, with a notice.</summary>
    public IReadOnlyList<string> AllowProviders { get; init; } = [];
}

/// <summary>Settings <c>LlmProxy:Telemetry</c>.</summary>
public sealed class TelemetryOptions
{
    /// <summary>Address of an OTLP receiver, or null.</summary>
    public string? Otlp { get; init; }

    /// <summary>Send trace context upstream.</summary>
    public bool Propagate { get; init; }

    /// <summary>Put prompt and answer text into spans.</summary>
    public bool CaptureContent { get; init; }

    /// <summary>Serve metrics in Prometheus' text format at <c>GET /metrics</c>.</summary>
    public bool Prometheus { get; init; }
}
