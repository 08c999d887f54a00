using System.Runtime.InteropServices;

namespace LlmProxy.Server.Cli;

/// <summary>
/// Cancels a verb on Ctrl-C or SIGTERM. A second signal ends the process immediately.
/// </summary>
/// <remarks>System.CommandLine handles signals only after a verb has started, so an early Ctrl-C would kill the process.</remarks>
internal sealed class EndingSignals : IDisposable
{
    // Not disposed: a signal handler may be running.
    private readonly CancellationTokenSource _ended = new();
    private readonly CancellationTokenRegistration _link;
    private readonly PosixSignalRegistration[] _registrations;

    /// <summary>Handles signals until it is disposed.</summary>
    /// <param name="cancellationToken">Also cancels the verb.</param>
    public EndingSignals(CancellationToken cancellationToken)
    {
        _link = cancellationToken.UnsafeRegister(static ended => ((CancellationTokenSource)ended!).Cancel(), _ended);
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, End), PosixSignalRegistration.Create(PosixSignal.SIGTERM, End)];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _ended.Token;

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _link.Dispose();
    }

    private void End(PosixSignalContext signal)
    {
        signal.Cancel = !_ended.IsCancellationRequested;
        _ended.Cancel();
    }
}
