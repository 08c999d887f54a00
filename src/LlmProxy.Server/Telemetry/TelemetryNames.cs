namespace LlmProxy.Server.Telemetry;

/// <summary>
/// All names in telemetry. The GenAI conventions (github.com/open-telemetry/semantic-conventions-genai) are in
/// development and rename; a new version of them is a change of this file, and of the two words that a dialect has there
/// (<see cref="Wire.IDialect.ProviderConvention"/>, <see cref="Wire.IDialect.OperationConvention"/>).
/// </summary>
internal static class TelemetryNames
{
    /// <summary>The activity source and the meter.</summary>
    public const string Source = "LlmProxy";

    public const string OperationName = "gen_ai.operation.name";
    public const string ProviderName = "gen_ai.provider.name";
    public const string ConversationId = "gen_ai.conversation.id";
    public const string RequestModel = "gen_ai.request.model";
    public const string RequestStream = "gen_ai.request.stream";
    public const string ResponseId = "gen_ai.response.id";
    public const string ResponseModel = "gen_ai.response.model";
    public const string FinishReasons = "gen_ai.response.finish_reasons";
    public const string TimeToFirstChunk = "gen_ai.response.time_to_first_chunk";
    public const string InputTokens = "gen_ai.usage.input_tokens";
    public const string OutputTokens = "gen_ai.usage.output_tokens";
    public const string CacheReadTokens = "gen_ai.usage.cache_read.input_tokens";
    public const string CacheWriteTokens = "gen_ai.usage.cache_creation.input_tokens";
    public const string ReasoningTokens = "gen_ai.usage.reasoning.output_tokens";
    public const string SystemInstructions = "gen_ai.system_instructions";
    public const string InputMessages = "gen_ai.input.messages";
    public const string OutputMessages = "gen_ai.output.messages";
    public const string TokenType = "gen_ai.token.type";

    public const string ErrorType = "error.type";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";
    public const string Method = "http.request.method";
    public const string Path = "url.path";
    public const string Status = "http.response.status_code";
    public const string ResendCount = "http.request.resend_count";

    public const string Task = "llmproxy.task.id";
    public const string Step = "llmproxy.step";
    public const string Tenant = "llmproxy.tenant";
    public const string Cluster = "llmproxy.cluster";
    public const string FewShot = "llmproxy.few_shot";
    public const string Reason = "llmproxy.reason";

    public const string DurationMetric = "gen_ai.client.operation.duration";
    public const string FirstChunkMetric = "gen_ai.client.operation.time_to_first_chunk";
    public const string TokenMetric = "gen_ai.client.token.usage";
    public const string OverheadMetric = "llmproxy.overhead";
    public const string RetryMetric = "llmproxy.upstream.retries";
    public const string BreakMetric = "llmproxy.upstream.breaks";
    public const string PendingMetric = "llmproxy.spool.pending";
    public const string NotRecordedMetric = "llmproxy.calls.not_recorded";
}
