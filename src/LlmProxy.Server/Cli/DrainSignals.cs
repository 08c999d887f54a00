using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;

namespace LlmProxy.Server.Cli;

/// <summary>
/// Stops the proxy on Ctrl-C or SIGTERM: running calls are given the host's shutdown time to end. A second signal ends
/// them at once; what was recorded of them stays in the spool for the next start.
/// </summary>
internal sealed class DrainSignals : IDisposable
{
    // Not disposed: a signal handler may be running.
    private readonly CancellationTokenSource _now = new();
    private readonly TaskCompletionSource _stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IHostApplicationLifetime _lifetime;
    private readonly CancellationTokenRegistration[] _links;
    private readonly PosixSignalRegistration[] _registrations;
    private int _signals;

    /// <summary>Handles signals until it is disposed.</summary>
    /// <param name="lifetime">The proxy's lifetime.</param>
    /// <param name="cancellationToken">Also stops the proxy.</param>
    public DrainSignals(IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        _lifetime = lifetime;
        _links =
        [
            lifetime.ApplicationStopping.UnsafeRegister(static signals => ((DrainSignals)signals!)._stopping.TrySetResult(), this),
            cancellationToken.UnsafeRegister(static signals => ((DrainSignals)signals!)._lifetime.StopApplication(), this),
        ];
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, End), PosixSignalRegistration.Create(PosixSignal.SIGTERM, End)];
    }

    /// <summary>Waits for the end, says that it has begun, and stops the proxy.</summary>
    /// <param name="app">The running proxy.</param>
    /// <param name="output">Gets one line when the proxy begins to stop.</param>
    public async Task DrainAsync(WebApplication app, TextWriter output)
    {
        await _stopping.Task;
        var limit = app.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout;
        await output.WriteLineAsync($"Stopping: running calls have {limit.TotalSeconds:0} s to end; a second signal ends them now.");
        await output.FlushAsync(CancellationToken.None);
        try
        {
            await app.StopAsync(_now.Token);
        }
        catch (OperationCanceledException) when (_now.IsCancellationRequested)
        {
            // The second signal.
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        foreach (var link in _links)
        {
            link.Dispose();
        }
    }

    private void End(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (Interlocked.Increment(ref _signals) == 1)
        {
            _lifetime.StopApplication();
        }
        else
        {
            _now.Cancel();
        }
    }
}
