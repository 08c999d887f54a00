using System.Globalization;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>A store that does not answer while 200 calls a second come, for as many seconds as <c>LLMPROXY_SLOW_SECONDS</c> says.</summary>
public sealed class SlowStoreTests : IAsyncLifetime
{
    private const int CallsPerSecond = 200;
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task While_the_store_does_not_answer_no_call_waits_and_all_are_stored_later()
    {
        var seconds = int.TryParse(Environment.GetEnvironmentVariable("LLMPROXY_SLOW_SECONDS"), CultureInfo.InvariantCulture, out var asked) ? asked : 3;
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = seconds * CallsPerSecond;
        long bytes = 0;
        try
        {
            _lab.Faults.Wait = ("SaveAsync", answer.Task);
            for (var i = 0; i < calls; i++)
            {
                // The store answers only after the loop: a call that waited for it would never end.
                await _lab.SendAsync(new WireCall(Request(User(string.Create(CultureInfo.InvariantCulture, $"Look at {i}")))) { Task = string.Create(CultureInfo.InvariantCulture, $"slow-{i}"), Answer = Says("I saw it."), Took = TimeSpan.FromMilliseconds(1_000.0 / CallsPerSecond) });
                bytes = i == 9 ? _lab.Spool.Bytes : bytes;
            }

            Assert.Equal(calls, _lab.Spool.Pending);
            Assert.InRange(_lab.Spool.Bytes, 0, (bytes / 10 + 100) * calls);
            Assert.Equal(0, _lab.Spool.Dropped);
        }
        finally
        {
            _lab.Faults.Wait = null;
            answer.SetResult();
        }

        await _lab.Spool.WhenEmptyAsync().WaitAsync(TimeSpan.FromSeconds(60 + seconds));
        foreach (var i in (int[])[0, calls / 2, calls - 1])
        {
            Assert.Equal(1, (await _lab.RunAsync(string.Create(CultureInfo.InvariantCulture, $"slow-{i}"))).IterationCount);
        }

        Assert.Empty(_lab.NotRecorded);
        Assert.Equal(0, _lab.Spool.Bytes);
    }
}
