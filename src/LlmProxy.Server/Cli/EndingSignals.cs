using System.Runtime.InteropServices;

namespace LlmProxy.Server.Cli;

/// <summary>
/// Cancels a verb when the process is asked to end (Ctrl-C, SIGTERM). A second signal ends the process at once.
/// </summary>
/// <remarks>The command line's library listens only after a verb has started: a verb that says that Ctrl-C ends it could be killed by one.</remarks>
internal sealed class EndingSignals : IDisposable
{
    // Not disposed: a signal can be under way while this is.
    private readonly CancellationTokenSource _ended = new();
    private readonly CancellationTokenRegistration _link;
    private readonly PosixSignalRegistration[] _registrations;

    /// <summary>Listens until it is disposed.</summary>
    /// <param name="cancellationToken">What else cancels the verb.</param>
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
