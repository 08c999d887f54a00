using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Pipeline;

/// <summary>Remembers that a response is to be aborted.</summary>
internal sealed class DelayedAbort : IHttpRequestLifetimeFeature, IHttpResetFeature
{
    private readonly IHttpRequestLifetimeFeature _lifetime;
    private readonly IHttpResetFeature? _reset;
    private int _errorCode;

    private DelayedAbort(IHttpRequestLifetimeFeature lifetime, IHttpResetFeature? reset)
    {
        (_lifetime, _reset) = (lifetime, reset);
    }

    /// <summary>Whether the response is to be aborted.</summary>
    public bool IsRequested { get; private set; }

    /// <summary>Whether a stream of a connection is to be reset (HTTP/2), instead of the whole connection.</summary>
    public bool IsReset { get; private set; }

    public CancellationToken RequestAborted { get => _lifetime.RequestAborted; set => _lifetime.RequestAborted = value; }

    public static DelayedAbort Attach(IFeatureCollection features)
    {
        var abort = new DelayedAbort(features.GetRequiredFeature<IHttpRequestLifetimeFeature>(), features.Get<IHttpResetFeature>());
        features.Set<IHttpRequestLifetimeFeature>(abort);
        if (abort._reset is not null)
        {
            features.Set<IHttpResetFeature>(abort);
        }

        return abort;
    }

    public void Detach(IFeatureCollection features)
    {
        features.Set(_lifetime);
        if (_reset is not null)
        {
            features.Set(_reset);
        }
    }

    /// <summary>Forgets a request of the forwarder: the client got the whole story in its own dialect.</summary>
    public void Forget() => (IsRequested, IsReset) = (false, false);

    public void Abort() => IsRequested = true;

    public void Reset(int errorCode) => (IsRequested, IsReset, _errorCode) = (true, true, errorCode);

    public void Execute()
    {
        if (IsReset)
        {
            _reset!.Reset(_errorCode);
        }
        else
        {
            _lifetime.Abort();
        }
    }
}
