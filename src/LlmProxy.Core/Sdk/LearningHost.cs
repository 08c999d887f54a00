using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// Opens the store and starts the recorder, once, before their first use. An application may call it at startup, to
/// learn at once that the store is unavailable.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
public sealed class LearningHost : IDisposable
{
    private readonly IStoreLifecycle _store;
    private readonly ICorrelationStore _keys;
    private readonly ReplicaIndex _shared;
    private readonly Recorder _recorder;
    private readonly OutcomeWorker _outcomes;
    private readonly CorrelationSecret _secret;
    private readonly SemaphoreSlim _one = new(1);
    private volatile bool _isStarted;

    internal LearningHost(IStoreLifecycle store, ICorrelationStore keys, ReplicaIndex shared, Recorder recorder, OutcomeWorker outcomes, CorrelationSecret secret)
    {
        (_store, _keys, _shared, _recorder, _outcomes, _secret) = (store, keys, shared, recorder, outcomes, secret);
    }

    /// <summary>Whether it has been started.</summary>
    public bool IsStarted => _isStarted;

    /// <summary>Starts; does nothing if it was started before.</summary>
    /// <exception cref="StoreException">The store cannot be opened. The next call tries again.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_isStarted)
        {
            return;
        }

        await _one.WaitAsync(cancellationToken);
        try
        {
            if (!_isStarted)
            {
                await _store.InitializeAsync(cancellationToken);
                _secret.Value = await _keys.ReadCorrelationSecretAsync(cancellationToken);
                _shared.Start();
                _recorder.Start();
                _outcomes.Start();
                _isStarted = true;
            }
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();
}
