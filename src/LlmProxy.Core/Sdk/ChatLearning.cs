using System.Globalization;
using BitFaster.Caching.Lru;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Sdk;

/// <summary>What <see cref="LearningChatClient"/> does besides calling: it throws nothing but cancellations and never delays a call for long.</summary>
internal sealed partial class ChatLearning(LearningHost learning, CallPipeline calls, NotRecordedCounts notRecorded, TimeProvider time, string tenant, ILogger<LearningChatClient> logger)
{
    private const int MaxConversations = 10_000;
    private static readonly string[] OwnOptions = [LearningChatClient.TaskKey, LearningChatClient.TaskDescriptionKey, LearningChatClient.FewShotKey, LearningChatClient.RecordKey];

    // Bounds what a store that does not open costs a call; later calls skip it for a while.
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private readonly ConcurrentLru<string, string> _tasks = new(MaxConversations);
    private long _failedAt;

    /// <summary>Begins a call: what to send, and where to report its end.</summary>
    public async Task<ChatTurn> BeginAsync(IReadOnlyList<ChatMessage> messages, ChatOptions? options, ChatClientMetadata? metadata, bool stream, CancellationToken cancellationToken)
    {
        var sent = WithoutOwn(options);
        if (!await IsOpenAsync(cancellationToken))
        {
            notRecorded.Count(tenant, NotRecordedReason.StoreNotOpen);
            return new ChatTurn(null, messages, sent, Remember, logger);
        }

        CallSession? call = null;
        try
        {
            var wire = ChatWire.OfCall(messages, options, options?.ModelId ?? metadata?.DefaultModelId, stream);
            call = await calls.BeginAsync(StartOf(wire, options, metadata), cancellationToken);
            if (!call.IsRead)
            {
                call.Dispose();
                return new ChatTurn(null, messages, sent, Remember, logger);
            }

            var (rewritten, instructed) = call.Prompt.Body is { } body ? Rewrite(messages, sent, wire, body) : (messages, sent);
            return new ChatTurn(call, rewritten, instructed, Remember, logger);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            call?.Dispose();
            notRecorded.Count(tenant, NotRecordedReason.UnreadableRequest);
            LogLearningFailed(error);
            return new ChatTurn(null, messages, sent, Remember, logger);
        }
    }

    private CallStart StartOf(ChatWire.Request wire, ChatOptions? options, ChatClientMetadata? metadata)
    {
        var scope = TaskScope.Current;
        return ChatWire.StartOf(tenant, wire, calls.Timestamp()) with
        {
            TaskId = (scope?.TaskId ?? Option(options, LearningChatClient.TaskKey)) is { Length: > 0 } id ? Trajectories.TaskId.From(id).Value : TaskOf(options?.ConversationId),
            Description = scope?.Description ?? Option(options, LearningChatClient.TaskDescriptionKey),
            FewShot = Option(options, LearningChatClient.FewShotKey),
            RecordHeader = Option(options, LearningChatClient.RecordKey),
            Provider = ProviderOf(metadata?.ProviderName),
        };
    }

    /// <summary>Whether the store is open. Opening continues in the background after a call stops waiting: the schema may have to be upgraded.</summary>
    private async ValueTask<bool> IsOpenAsync(CancellationToken cancellationToken)
    {
        if (learning.IsStarted)
        {
            return true;
        }

        if (Volatile.Read(ref _failedAt) is not 0 and var failed && time.GetElapsedTime(failed) < Pause)
        {
            return false;
        }

        var opening = learning.StartAsync(CancellationToken.None);
        try
        {
            await opening.WaitAsync(OpenTimeout, time, cancellationToken);
            return true;
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            Volatile.Write(ref _failedAt, time.GetTimestamp());
            _ = opening.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            LogLearningFailed(error);
            return false;
        }
    }

    /// <summary>The messages and options with the text that was rewritten, or put in.</summary>
    private static (IReadOnlyList<ChatMessage> Messages, ChatOptions? Options) Rewrite(IReadOnlyList<ChatMessage> messages, ChatOptions? options, ChatWire.Request wire, byte[] body)
    {
        var texts = ChatWire.ReadSystem(body);
        var changed = Enumerable.Range(0, texts.Count).FirstOrDefault(i => i >= wire.System.Count || wire.System[i].Text != texts[i], -1);
        if (changed < 0)
        {
            return (messages, options);
        }

        var place = changed < wire.System.Count ? wire.System[changed] : null;
        if (place is { Message: -1 } || (place is null && options?.ConversationId is not null))
        {
            // Where the server keeps the history a message of ours would stay in it.
            var instructed = options?.Clone() ?? new ChatOptions();
            instructed.Instructions = texts[changed];
            return (messages, instructed);
        }

        if (place is null)
        {
            return ([new ChatMessage(ChatRole.System, texts[changed]), .. messages], options);
        }

        var list = messages.ToList();
        var message = list[place.Message].Clone();
        message.Contents = [.. message.Contents];
        message.Contents[place.Content] = new TextContent(texts[changed]) { AdditionalProperties = message.Contents[place.Content].AdditionalProperties };
        list[place.Message] = message;
        return (list, options);
    }

    /// <summary>Options that are ours do not go to the model.</summary>
    private static ChatOptions? WithoutOwn(ChatOptions? options)
    {
        if (options?.AdditionalProperties is not { } properties || !OwnOptions.Any(properties.ContainsKey))
        {
            return options;
        }

        options = options.Clone();
        foreach (var name in OwnOptions)
        {
            options.AdditionalProperties!.Remove(name);
        }

        return options;
    }

    private static string? Option(ChatOptions? options, string name) =>
        options?.AdditionalProperties?.TryGetValue(name, out var value) == true && Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : null;

    private static string? ProviderOf(string? name) =>
        name is null ? null
        : name.Contains("anthropic", StringComparison.OrdinalIgnoreCase) ? "anthropic"
        : name.Contains("openai", StringComparison.OrdinalIgnoreCase) ? "openai"
        : name.Contains("gemini", StringComparison.OrdinalIgnoreCase) || name.Contains("gcp", StringComparison.OrdinalIgnoreCase) || name.Contains("google", StringComparison.OrdinalIgnoreCase) ? "gemini"
        : "proxy";

    // Some servers give a conversation one id for ever, others each response a new one.
    private string? TaskOf(string? conversation) => conversation is null ? null : _tasks.TryGet(conversation, out var task) ? task : conversation;

    private void Remember(string conversation, string task) => _tasks.AddOrUpdate(conversation, task);

    [LoggerMessage(6202, LogLevel.Error, "Learning failed for a model call; it continues unmodified and unrecorded")]
    private partial void LogLearningFailed(Exception error);
}
