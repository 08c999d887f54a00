using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// Opens the store and starts the recorder, once, before their first use. An application may call it at startup, to
/// learn at once that the store is unavailable.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
public sealed class LearningHost(IStoreLifecycle store, ICorrelationStore keys, ReplicaIndex shared, Recorder recorder, CorrelationSecret secret) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private volatile bool _isStarted;

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
                await store.InitializeAsync(cancellationToken);
                secret.Value = await keys.ReadCorrelationSecretAsync(cancellationToken);
                shared.Start();
                recorder.Start();
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
