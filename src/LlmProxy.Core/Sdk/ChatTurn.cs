using System.ClientModel;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Sdk;

/// <summary>A call of a chat client on its way. Nothing here throws: what fails is logged.</summary>
/// <param name="call">Its record; null where it is not learnt from.</param>
/// <param name="messages">The messages to send.</param>
/// <param name="options">The options to send.</param>
/// <param name="remember">Remembers which conversation of the server belongs to which task.</param>
/// <param name="logger">Where failures go.</param>
internal sealed partial class ChatTurn(CallSession? call, IReadOnlyList<ChatMessage> messages, ChatOptions? options, Action<string, string> remember, ILogger<LearningChatClient> logger)
{
    private bool _isEnded;

    public IReadOnlyList<ChatMessage> Messages => messages;

    public ChatOptions? Options => options;

    /// <summary>The first piece of the response is there.</summary>
    public void Begins() => call?.MarkFirstByte();

    /// <summary>What the application may know of the call, among a response's properties.</summary>
    public AdditionalPropertiesDictionary? Stamp(AdditionalPropertiesDictionary? properties)
    {
        if (call?.TaskId is not { } task)
        {
            return properties;
        }

        properties = properties is null ? [] : new AdditionalPropertiesDictionary(properties);
        properties[LearningChatClient.TaskKey] = task;
        if (call.Prompt.FewShotResult is { } result)
        {
            properties[LearningChatClient.FewShotResultKey] = result;
        }

        if (call.Prompt.ExampleIds.Count > 0)
        {
            properties[LearningChatClient.ExamplesKey] = string.Join(',', call.Prompt.ExampleIds);
        }

        return properties;
    }

    /// <summary>The whole response came.</summary>
    public void End(ChatResponse response) => Finish(() => (ExchangeOutcome.Complete, 200, response, null), isWhole: true);

    /// <summary>The whole stream came.</summary>
    public void End(IReadOnlyList<ChatResponseUpdate> updates) => Finish(() => (ExchangeOutcome.Complete, 200, updates.ToChatResponse(), null), isWhole: true);

    /// <summary>The call failed, or was called off.</summary>
    public void Fail(Exception error, IReadOnlyList<ChatResponseUpdate>? updates, CancellationToken cancellationToken)
    {
        var status = StatusOf(error);
        Finish(
            () => cancellationToken.IsCancellationRequested ? (ExchangeOutcome.ClientLeft, Any(updates) ? 200 : 0, Partly(updates), null)
                : Any(updates) ? (ExchangeOutcome.UpstreamBroke, 200, Partly(updates), null)
                : status > 0 ? (ExchangeOutcome.Complete, status, null, error)
                : (error is TimeoutException or OperationCanceledException ? ExchangeOutcome.UpstreamTimeout : ExchangeOutcome.UpstreamRefused, 0, null, null),
            isWhole: false);
    }

    /// <summary>The reader of the stream has stopped; does nothing if the call has ended.</summary>
    public void Leave(IReadOnlyList<ChatResponseUpdate> updates) =>
        Finish(() => (ExchangeOutcome.ClientLeft, Any(updates) ? 200 : 0, Partly(updates), null), isWhole: false);

    private static bool Any(IReadOnlyList<ChatResponseUpdate>? updates) => updates is { Count: > 0 };

    private static ChatResponse? Partly(IReadOnlyList<ChatResponseUpdate>? updates) => Any(updates) ? updates!.ToChatResponse() : null;

    /// <summary>HTTP status that an exception of the usual clients carries; 0 for none.</summary>
    private static int StatusOf(Exception error) => error switch
    {
        HttpRequestException { StatusCode: { } status } => (int)status,
        ClientResultException { Status: >= 400 } result => result.Status,
        _ => 0,
    };

    private void Finish(Func<(ExchangeOutcome Outcome, int Status, ChatResponse? Response, Exception? Error)> end, bool isWhole)
    {
        if (_isEnded)
        {
            return;
        }

        _isEnded = true;
        try
        {
            var (outcome, status, response, error) = end();
            if (call is { Place.Task: { } task } && response?.ConversationId is { Length: > 0 } conversation)
            {
                remember(conversation, task.TaskId);
            }

            call?.Complete(outcome, status, response is not null ? ChatWire.Reply(response, isWhole) : error is not null ? ChatWire.Error(error) : default(ReadOnlyMemory<byte>));
        }
        catch (Exception failure)
        {
            LogEndFailed(failure);
            call?.Complete(ExchangeOutcome.Complete, 0);
        }
        finally
        {
            call?.Dispose();
        }
    }

    [LoggerMessage(6203, LogLevel.Error, "Reading the response of a model call failed; the application response is unaffected")]
    private partial void LogEndFailed(Exception error);
}
