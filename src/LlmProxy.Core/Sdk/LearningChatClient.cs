using System.Runtime.CompilerServices;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// A chat client that learns: calls of Claude are recorded as they are; of other models the system prompt is rendered by
/// the provider's template, with similar runs as examples, the same for all calls of a task. Responses, streams and errors
/// pass unchanged, and a failure here is logged, and the call continues as the application made it.
/// </summary>
/// <remarks>
/// <para>Place it inside the client that calls functions (<c>UseFunctionInvocation()</c>), so that each call of the model is an
/// iteration; outside of it a whole turn would be one.</para>
/// <para>Which task a call belongs to say, in this order: <see cref="TaskScope"/>, the option <see cref="TaskKey"/> in
/// <see cref="ChatOptions.AdditionalProperties"/>, <see cref="ChatOptions.ConversationId"/>; else the history, as in the
/// proxy. <see cref="TrajectoryRecorder"/> completes tasks by these ids.</para>
/// <para>Safe for concurrent use where the inner client is.</para>
/// </remarks>
public sealed class LearningChatClient : DelegatingChatClient
{
    /// <summary>Option: the task's id. In responses: the task that the call belongs to.</summary>
    public const string TaskKey = "LlmProxy-Task";

    /// <summary>Option: what the task is.</summary>
    public const string TaskDescriptionKey = "LlmProxy-Task-Description";

    /// <summary>Option: <c>off</c>, or how many examples at most.</summary>
    public const string FewShotKey = "LlmProxy-Few-Shot";

    /// <summary>Option: <c>off</c> for a call that is not to be recorded.</summary>
    public const string RecordKey = "LlmProxy-Record";

    /// <summary>In responses: what became of the prompt, such as <c>injected=2</c>.</summary>
    public const string FewShotResultKey = "LlmProxy-Few-Shot-Result";

    /// <summary>In responses: the ids of the runs in the prompt, with commas between them.</summary>
    public const string ExamplesKey = "LlmProxy-Examples";

    private readonly ChatLearning _learning;
    private readonly ChatClientMetadata? _metadata;

    /// <summary>A client in front of another.</summary>
    /// <param name="innerClient">The client that calls the model.</param>
    /// <param name="services">Services with <c>AddLlmProxyCore</c>.</param>
    /// <param name="tenant">The tenant that owns the calls.</param>
    /// <exception cref="InvalidOperationException">The services lack <c>AddLlmProxyCore</c>.</exception>
    public LearningChatClient(IChatClient innerClient, IServiceProvider services, string tenant = TrajectoryRecorder.DefaultTenant)
        : base(innerClient)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrWhiteSpace(tenant);
        _learning = new ChatLearning(
            services.GetService<LearningHost>() ?? throw new InvalidOperationException("The services lack LlmProxy: call services.AddLlmProxyCore(configuration) first."),
            services.GetRequiredService<CallPipeline>(),
            services.GetRequiredService<NotRecordedCounts>(),
            services.GetRequiredService<TimeProvider>(),
            tenant,
            services.GetRequiredService<Microsoft.Extensions.Logging.ILogger<LearningChatClient>>());
        _metadata = innerClient.GetService(typeof(ChatClientMetadata)) as ChatClientMetadata;
    }

    /// <inheritdoc />
    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var turn = await _learning.BeginAsync(AsList(messages), options, _metadata, stream: false, cancellationToken);
        try
        {
            var response = await base.GetResponseAsync(turn.Messages, turn.Options, cancellationToken);
            turn.End(response);
            response.AdditionalProperties = turn.Stamp(response.AdditionalProperties);
            return response;
        }
        catch (Exception error)
        {
            turn.Fail(error, null, cancellationToken);
            throw;
        }
    }

    /// <inheritdoc />
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var turn = await _learning.BeginAsync(AsList(messages), options, _metadata, stream: true, cancellationToken);
        var updates = new List<ChatResponseUpdate>();
        await using var stream = base.GetStreamingResponseAsync(turn.Messages, turn.Options, cancellationToken).GetAsyncEnumerator(cancellationToken);
        try
        {
            while (await NextAsync())
            {
                if (updates.Count == 0)
                {
                    turn.Begins();
                    stream.Current.AdditionalProperties = turn.Stamp(stream.Current.AdditionalProperties);
                }

                updates.Add(stream.Current);
                yield return stream.Current;
            }

            // The application hears of the end only after this: its next call finds the task.
            turn.End(updates);
        }
        finally
        {
            // Nothing where it has ended: else the reader of the stream has stopped.
            turn.Leave(updates);
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await stream.MoveNextAsync();
            }
            catch (Exception error)
            {
                turn.Fail(error, updates, cancellationToken);
                throw;
            }
        }
    }

    private static IReadOnlyList<ChatMessage> AsList(IEnumerable<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return messages as IReadOnlyList<ChatMessage> ?? [.. messages];
    }
}
