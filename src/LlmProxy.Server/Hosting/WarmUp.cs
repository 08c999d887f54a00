using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Runs reading, search, condensing and rendering once with an artificial trajectory before the first request, so that
/// the code is compiled when the first task needs its examples. Nothing is stored, and no text is sent anywhere.
/// </summary>
internal sealed partial class WarmUp(ITrajectoryStore store, ICorrelationStore correlation, ISearchStore search, IPromptPinStore pins, TemplateDirectory templates, LlmProxyOptions options, TimeProvider time, ILogger<WarmUp> log)
{
    private const string NoTenant = "(warm-up)";
    private const string Task = "Look up the opening hours of the library and write them into the calendar";

    private static readonly byte[] Request = """{"model":"m","messages":[{"role":"system","content":"You help."},{"role":"user","content":"Look it up"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look_up","arguments":"{\"what\":\"hours\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"9 to 17"}],"tools":[{"type":"function","function":{"name":"look_up","description":"Looks up"}}]}"""u8.ToArray();

    /// <summary>Runs the warm-up; a failure is logged and does not prevent the start.</summary>
    public async System.Threading.Tasks.Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var buckets = LexicalEmbedder.Buckets(Task);
            var frequencies = await search.ReadDocumentFrequenciesAsync(NoTenant, buckets, cancellationToken);
            var vector = LexicalEmbedder.EmbedQuery(Task, frequencies);
            await search.SearchAsync(new SearchQuery(NoTenant, LexicalEmbedder.ModelName, vector, Task, 3), cancellationToken);
            await pins.FindPinAsync(NoTenant, "", cancellationToken);
            await correlation.FindCorrelationAsync(NoTenant, [TurnKey.Empty], cancellationToken);
            await store.FindTaskAsync(NoTenant, "", cancellationToken);
            await pins.FindUsableExamplesAsync(NoTenant, ["none"], [], cancellationToken);

            // The first write opens a connection; the first task would write this template set anyway.
            await pins.SaveTemplateSetAsync(templates.Current.Hash, templates.Current.Files, cancellationToken);

            using var keys = new TurnKeys(Encoding.UTF8.GetBytes(NoTenant));
            var dialect = DialectCatalog.Get(DialectKind.OpenAiChat);
            var content = dialect.ReadContent(Request)!;
            var reading = dialect.ReadRequest(Request, "/v1/chat/completions", keys)!;
            var steps = new[]
            {
                new StepView
                {
                    Step = new TrajectoryStep { TrajectoryId = "", Index = 1, ExchangeId = "", Dialect = DialectKind.OpenAiChat, StartedAt = time.GetUtcNow() },
                    Reply = content.Messages.First(m => m.IsAssistant),
                    ToolResults = [.. content.Messages.SelectMany(m => m.ToolResults)],
                },
            };
            var run = new Trajectory
            {
                Id = "",
                TaskId = "",
                Tenant = NoTenant,
                ConversationId = "",
                Provider = "anthropic",
                TaskDescription = Task,
                Success = true,
                QualityScore = 1,
                StartedAt = time.GetUtcNow(),
                LastActivityAt = time.GetUtcNow(),
            };
            var examples = new TrajectoryCondenser().CondenseMany([new TrajectoryToCondense(run, PreparedTrajectory.Of(steps), 1)], options.FewShot.MaxTokens);
            foreach (var provider in ProviderResolver.Names)
            {
                var values = new PromptValues("", Task, provider, "m", reading.ReadTools(), examples);
                var prompt = PromptRenderer.Prepare(templates.Current, PromptValues.FromJson(values.ToJson()) ?? values);
                PromptComposer.Compose(reading, options.Prompts.InsertBefore, prompt);
            }
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            LogFailed(error);
        }
    }

    [LoggerMessage(1201, LogLevel.Warning, "Warm-up failed; the first calls may be slower and get no examples")]
    private partial void LogFailed(Exception error);
}
