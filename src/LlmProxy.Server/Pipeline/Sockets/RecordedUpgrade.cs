using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Pipeline.Sockets;

/// <summary>Gives YARP a recorded stream when it accepts a client's WebSocket, over HTTP/1.1 (upgrade) or HTTP/2 (extended CONNECT).</summary>
internal sealed class RecordedUpgrade : IHttpUpgradeFeature, IHttpExtendedConnectFeature, IDisposable
{
    private readonly IFeatureCollection _features;
    private readonly IHttpUpgradeFeature? _upgrade;
    private readonly IHttpExtendedConnectFeature? _connect;
    private readonly Func<Stream, RecordedSocket> _record;
    private RecordedSocket? _socket;

    private RecordedUpgrade(IFeatureCollection features, Func<Stream, RecordedSocket> record)
    {
        (_features, _record) = (features, record);
        _upgrade = features.Get<IHttpUpgradeFeature>();
        _connect = features.Get<IHttpExtendedConnectFeature>();
    }

    public bool IsUpgradableRequest => _upgrade is { IsUpgradableRequest: true };

    public bool IsExtendedConnect => _connect is { IsExtendedConnect: true };

    public string? Protocol => _connect?.Protocol;

    /// <summary>Inserts itself before the server's own features; disposing it restores them.</summary>
    /// <param name="features">The request's features.</param>
    /// <param name="record">Creates the recorded stream.</param>
    public static RecordedUpgrade Attach(IFeatureCollection features, Func<Stream, RecordedSocket> record)
    {
        var upgrade = new RecordedUpgrade(features, record);
        if (upgrade._upgrade is not null)
        {
            features.Set<IHttpUpgradeFeature>(upgrade);
        }

        if (upgrade._connect is not null)
        {
            features.Set<IHttpExtendedConnectFeature>(upgrade);
        }

        return upgrade;
    }

    public async Task<Stream> UpgradeAsync() => _socket = _record(await _upgrade!.UpgradeAsync());

    public async ValueTask<Stream> AcceptAsync() => _socket = _record(await _connect!.AcceptAsync());

    public void Dispose()
    {
        _features.Set(_upgrade);
        _features.Set(_connect);
        _socket?.End();
    }
}
