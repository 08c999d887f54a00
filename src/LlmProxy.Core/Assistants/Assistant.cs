using System.ClientModel;
using System.Globalization;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Assistants;

/// <summary>
/// Asks a model on behalf of a trajectory: without secrets, within a budget that all processes share, with a limit of
/// time and of concurrent calls; what it answers and costs is recorded with the trajectory. Retries are the client's own.
/// </summary>
/// <remarks>It does not dispose the model's client. The model has a price by <c>name</c>.</remarks>
internal sealed partial class Assistant(
    IChatClient model, string name, AssistantLimits limits, IAssistanceStore store, Redactor redactor, IReadOnlyList<ModelPrice> prices, TimeProvider time, ILogger<Assistant> logger) : IDisposable
{
    /// <summary>Most tokens of an answer if the caller does not say.</summary>
    public const int DefaultMaxOutput = 4_000;

    // What a tokenizer may count more than the estimate, and what the request holds around the texts.
    private const double UpperFactor = 1.5;
    private const int UpperOverhead = 200;

    // Longer than any call: what is not settled by then was cut off by the end of its process.
    private static readonly TimeSpan Unsettled = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim _turns = new(limits.Concurrency, limits.Concurrency);

    /// <summary>The model's name.</summary>
    public string Model => name;

    /// <summary>Its limits.</summary>
    public AssistantLimits Limits => limits;

    /// <summary>A client whose calls are made for one subject. Its calls fail with <see cref="AssistantException"/> alone, apart from cancellation and the store's failures.</summary>
    public IChatClient For(AssistanceSubject subject) => new SubjectClient(this, subject);

    /// <summary>What the budget has spent today, reservations included.</summary>
    public Task<decimal> ReadSpentAsync(CancellationToken cancellationToken) => store.ReadSpentAsync(limits.Budget, Today(), cancellationToken);

    /// <inheritdoc />
    public void Dispose() => _turns.Dispose();

    /// <summary>An upper estimate of what a call costs; null if no price fits the model.</summary>
    public decimal? Estimate(IEnumerable<ChatMessage> messages, int maxOutput)
    {
        var input = messages.Sum(m => (long)TokenEstimate.OfText(m.Text));
        return ModelCost.Of(prices, name, new TokenUsage((long)(input * UpperFactor) + UpperOverhead, maxOutput, 0, 0, 0));
    }

    private async Task<ChatResponse> AskAsync(AssistanceSubject subject, int call, IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        // 1. A process that stopped between the answer and its use left the answer here.
        var key = string.Create(CultureInfo.InvariantCulture, $"{subject.Key}/{call}");
        if (await store.FindAssistanceAsync(subject.Tenant, key, cancellationToken) is { Text: { } text } known)
        {
            return new ChatResponse(new ChatMessage(ChatRole.Assistant, text)) { ModelId = known.Model, Usage = UsageOf(known) };
        }

        // 2. What is sent, and what it costs at most.
        var clean = redactor.For(subject.Tenant);
        var sent = messages.Select(m => new ChatMessage(m.Role, clean.Redact(m.Text))).ToList();
        options = options?.Clone() ?? new ChatOptions();
        options.MaxOutputTokens ??= DefaultMaxOutput;
        if (Estimate(sent, options.MaxOutputTokens.Value) is not { } upper)
        {
            throw new AssistantException(AssistantFailure.UnknownPrice, $"No price fits the model '{name}': add it to LlmProxy:Prices.");
        }

        // 3. The call, within its limits.
        await _turns.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetUtcNow();
            var reservation = new BudgetReservation(Guid.CreateVersion7(now).ToString("N"), limits.Budget, Today(), upper, now + limits.Timeout + Unsettled);
            if (!await store.ReserveAsync(reservation, limits.MaxUsdPerDay, cancellationToken))
            {
                throw new AssistantException(
                    AssistantFailure.OverBudget, string.Create(CultureInfo.InvariantCulture, $"The call may cost {upper:0.######} USD, and the budget '{limits.Budget}' of {limits.MaxUsdPerDay:0.##} USD has less left for today."));
            }

            var response = await SendAsync(subject, sent, options, reservation, cancellationToken);

            // 4. Paid, so it is recorded also if the caller no longer waits.
            var cost = CostOf(response.Usage) ?? upper;
            await store.SettleAsync(
                reservation,
                subject.Tenant,
                cost,
                new Assistance(key, subject.TrajectoryId, subject.Kind, name, response.Usage?.InputTokenCount, response.Usage?.OutputTokenCount, cost, clean.Redact(response.Text), time.GetUtcNow()),
                CancellationToken.None);
            return response;
        }
        finally
        {
            _turns.Release();
        }
    }

    private async Task<ChatResponse> SendAsync(AssistanceSubject subject, IList<ChatMessage> messages, ChatOptions options, BudgetReservation reservation, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(limits.Timeout, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            // WaitAsync in addition to the token: a client that ignores its token must not hold the turn.
            return await model.GetResponseAsync(messages, options, limit.Token).WaitAsync(limit.Token);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            var isLate = late.IsCancellationRequested;
            if (!isLate && WasRefused(error))
            {
                await store.SettleAsync(reservation, subject.Tenant, 0, null, CancellationToken.None);
            }

            // Otherwise the provider may charge for it: the reservation stays and expires into a charge.
            var reason = isLate ? AssistantFailure.Timeout : AssistantFailure.Unavailable;
            LogFailed(subject.Kind, name, reason, error.GetType().Name);
            throw new AssistantException(reason, isLate ? string.Create(CultureInfo.InvariantCulture, $"{name} did not answer within {limits.Timeout}.") : $"{name} is unavailable ({error.GetType().Name}).", error);
        }
    }

    /// <summary>Whether the server answered with an error or was not reached: neither is charged.</summary>
    private static bool WasRefused(Exception error) => error is HttpRequestException or ClientResultException { Status: >= 400 } || error.InnerException is HttpRequestException;

    private decimal? CostOf(UsageDetails? usage) => usage is { InputTokenCount: { } input, OutputTokenCount: { } output }
        ? ModelCost.Of(prices, name, new TokenUsage(input, output, usage.CachedInputTokenCount ?? 0, 0, 0))
        : null;

    private static UsageDetails? UsageOf(Assistance known) => known is { InputTokens: { } input, OutputTokens: { } output }
        ? new UsageDetails { InputTokenCount = input, OutputTokenCount = output, TotalTokenCount = input + output }
        : null;

    private DateOnly Today() => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    [LoggerMessage(6300, LogLevel.Warning, "A call for {Kind} to {Model} failed: {Failure} ({Error})")]
    private partial void LogFailed(AssistanceKind kind, string model, AssistantFailure failure, string error);

    /// <summary>The assistant for one subject. Its calls are numbered, since each has an answer of its own.</summary>
    private sealed class SubjectClient(Assistant assistant, AssistanceSubject subject) : IChatClient
    {
        private int _calls;

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            assistant.AskAsync(subject, Interlocked.Increment(ref _calls), messages, options, cancellationToken);

        public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            foreach (var update in (await GetResponseAsync(messages, options, cancellationToken)).ToChatResponseUpdates())
            {
                yield return update;
            }
        }

        public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;

        public void Dispose()
        {
        }
    }
}
