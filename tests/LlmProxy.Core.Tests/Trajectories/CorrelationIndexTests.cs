using System.Globalization;
using System.Text;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Trajectories;

public sealed class CorrelationIndexTests
{
    [Fact]
    public void Long_tasks_are_forgotten_by_their_keys_oldest_first_and_never_while_a_call_is_under_way()
    {
        using var keys = new TurnKeys(Encoding.UTF8.GetBytes("a secret of the store, of 16 bytes or more"));
        var index = new CorrelationIndex();
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        for (var number = 0; number < 2_000; number++)
        {
            var id = number.ToString(CultureInfo.InvariantCulture);
            var task = new OpenTask { Identity = new() { TaskId = id, TrajectoryId = id, Tenant = "t", ConversationId = id }, LastUsed = start.AddSeconds(number), InFlight = number == 0 ? 1 : 0 };
            index.Add(task);
            for (var step = 1; step <= 100; step++)
            {
                index.Add(task, new CorrelationEntry(keys.Identifier("x", $"{id}.{step}"), CorrelationKind.Turn, id, step, start));
            }
        }

        Assert.InRange(index.Count, 800, 1_001);
        Assert.NotNull(index.Find("t", "0"));
        Assert.Null(index.Find("t", "1"));
        Assert.NotNull(index.Find("t", "1999"));
        Assert.Empty(index.Find("t", keys.Identifier("x", "1.1")));
        Assert.Single(index.Find("t", keys.Identifier("x", "1999.1")));
    }
}
