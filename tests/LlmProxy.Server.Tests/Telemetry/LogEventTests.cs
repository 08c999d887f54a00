using System.Reflection;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Hosting;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Telemetry;

/// <summary>The one table of event ids: which ids belong to which part of the program.</summary>
public sealed class LogEventTests
{
    private static readonly (string Namespace, int From, int To)[] Table =
    [
        ("LlmProxy.Core.Calls", 1000, 1099),
        ("LlmProxy.Server.Pipeline", 1000, 1099),
        ("LlmProxy.Server.Upstreams", 1000, 1199),
        ("LlmProxy.Server", 1200, 1999),
        ("LlmProxy.Core.Retrieval", 2000, 2099),
        ("LlmProxy.Core.Prompting", 2100, 3999),
        ("LlmProxy.Core.Recording", 4000, 4999),
        ("LlmProxy.Core.Stores", 5000, 5999),
        ("LlmProxy.Core.Trajectories", 6000, 6099),
        ("LlmProxy.Core.Experiments", 6100, 6199),
        ("LlmProxy.Core.Sdk", 6200, 6299),
        ("LlmProxy.Core.Assistants", 6300, 6399),
        ("LlmProxy.Core.Judging", 6400, 6499),
    ];

    [Fact]
    public void Every_logged_event_has_an_id_of_its_own_in_the_range_of_its_part()
    {
        var events = new[] { typeof(LlmProxyOptions).Assembly, typeof(ProxyHost).Assembly }
            .SelectMany(a => a.GetTypes())
            .SelectMany(t => t.GetMethods(BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Select(m => (Method: m, Event: m.GetCustomAttribute<LoggerMessageAttribute>()))
            .Where(m => m.Event is not null)
            .ToList();

        Assert.InRange(events.Count, 30, 500);
        Assert.Empty(events.GroupBy(e => e.Event!.EventId).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => e.Method.Name))}"));
        Assert.Empty(events.Where(e => !IsInRange(e.Method.DeclaringType!.Namespace!, e.Event!.EventId)).Select(e => $"{e.Event!.EventId} {e.Method.DeclaringType}.{e.Method.Name}"));
        Assert.Empty(events.Where(e => string.IsNullOrEmpty(e.Event!.Message)).Select(e => e.Method.Name));
    }

    private static bool IsInRange(string space, int id) =>
        Table.FirstOrDefault(row => space == row.Namespace || space.StartsWith(row.Namespace + ".", StringComparison.Ordinal)) is var (_, from, to) && id >= from && id <= to;
}
