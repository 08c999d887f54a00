namespace LlmProxy.Core.Stores;

/// <summary>
/// Logs an outage of the store when it begins, once a minute while it lasts, and when it ends, however many calls fail
/// meanwhile. The exceptions are logged at Debug.
/// </summary>
internal sealed partial class StoreOutage(TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan RemindEvery = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private volatile bool _lasts;
    private long _began;
    private long _logged;

    /// <summary>Notes that an access failed.</summary>
    public void Report(Exception error)
    {
        LogAccess(error);
        TimeSpan? lasted = null;
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (!_lasts)
            {
                (_lasts, _began) = (true, now);
            }
            else if (time.GetElapsedTime(_logged, now) < RemindEvery)
            {
                return;
            }
            else
            {
                lasted = time.GetElapsedTime(_began, now);
            }

            _logged = now;
        }

        if (lasted is { } since)
        {
            LogLasts((long)since.TotalMinutes, error.Message);
        }
        else
        {
            LogBegan(error.Message);
        }
    }

    /// <summary>Notes that changes were saved.</summary>
    public void End()
    {
        // Nearly every save comes here.
        if (!_lasts)
        {
            return;
        }

        TimeSpan lasted;
        lock (_lock)
        {
            if (!_lasts)
            {
                return;
            }

            _lasts = false;
            lasted = time.GetElapsedTime(_began);
        }

        LogEnded((long)lasted.TotalSeconds);
    }

    [LoggerMessage(5010, LogLevel.Error, "The store is unavailable: {Reason}. Requests are forwarded, and calls wait in the spool; \"llmproxy doctor\" diagnoses the store")]
    private partial void LogBegan(string reason);

    [LoggerMessage(5011, LogLevel.Error, "The store is unavailable for {Minutes} min: {Reason}")]
    private partial void LogLasts(long minutes, string reason);

    [LoggerMessage(5012, LogLevel.Information, "The store is available again after {Seconds} s; calls in the spool are being saved")]
    private partial void LogEnded(long seconds);

    [LoggerMessage(5013, LogLevel.Debug, "An access to the unavailable store failed")]
    private partial void LogAccess(Exception error);
}
