using LlmProxy.Core.Stores;
using LlmProxy.Tests.Recording;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Stores;

public sealed class StoreOutageTests
{
    private readonly TestClock _clock = new();
    private readonly FakeLogger _log = new();

    [Fact]
    public void An_outage_is_one_line_when_it_begins_one_a_minute_and_one_when_it_ends()
    {
        var outage = new StoreOutage(_clock, _log);
        for (var second = 0; second < 150; second++)
        {
            outage.Report(new StoreException("No connection"));
            outage.Report(new StoreException("No route"));
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        outage.End();
        outage.End();

        Assert.Equal(
            [
                "Error: The store is unavailable: No connection. Requests are forwarded, and calls wait in the spool; \"llmproxy doctor\" diagnoses the store",
                "Error: The store is unavailable for 1 min: No connection",
                "Error: The store is unavailable for 2 min: No connection",
                "Information: The store is available again after 150 s; calls in the spool are being saved",
            ],
            Lines());
    }

    [Fact]
    public void Exceptions_are_logged_at_debug_alone_and_all_of_them()
    {
        var outage = new StoreOutage(_clock, _log);
        outage.Report(new StoreException("First"));
        outage.Report(new StoreException("Second"));

        Assert.Equal(["First", "Second"], _log.Collector.GetSnapshot().Where(r => r.Level == LogLevel.Debug).Select(r => r.Exception!.Message));
        Assert.All(_log.Collector.GetSnapshot().Where(r => r.Level > LogLevel.Debug), r => Assert.Null(r.Exception));
    }

    [Fact]
    public void A_second_outage_begins_with_a_line_of_its_own()
    {
        var outage = new StoreOutage(_clock, _log);
        outage.Report(new StoreException("First"));
        outage.End();
        outage.Report(new StoreException("Second"));

        Assert.Equal(["First", "Second"], Lines().Where(l => l.StartsWith("Error", StringComparison.Ordinal)).Select(l => l.Split(": ")[2].Split('.')[0]));
    }

    private IEnumerable<string> Lines() => _log.Collector.GetSnapshot().Where(r => r.Level > LogLevel.Debug).Select(r => $"{r.Level}: {r.Message}");
}
