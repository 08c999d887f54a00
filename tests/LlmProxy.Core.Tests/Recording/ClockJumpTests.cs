using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>A clock of the machine that is set by an hour while tasks are under way.</summary>
public sealed class ClockJumpTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_clock_that_is_set_by_an_hour_closes_no_task_that_is_under_way(int hoursBack)
    {
        // 1. A task whose reply calls a tool: it is active. The clock is set while the tool runs.
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SettleAsync();
        _lab.Time.Advance(TimeSpan.FromSeconds(10));
        _lab.Time.SetBack = TimeSpan.FromHours(hoursBack);

        // 2. Idle tasks are looked for several times.
        await _lab.UntilAsync(() => _lab.Faults.Calls.GetValueOrDefault("ClaimOpenAsync") >= 5, TimeSpan.FromSeconds(1));
        Assert.Equal(TrajectoryStatus.Active, (await _lab.RunAsync(task)).Status);

        // 3. The next call belongs to it.
        await _lab.SendAsync(second);
        await _lab.SettleAsync();
        Assert.Equal(2, (await _lab.RunAsync(task)).IterationCount);
    }

    [Theory]
    [InlineData(1, 90)]
    [InlineData(-1, 40)]
    public async Task After_a_clock_was_set_an_idle_task_is_closed_all_the_same(int hoursBack, int minutes)
    {
        var task = (await _lab.SendAsync(TwoSteps().First)).Task!.TaskId;
        await _lab.SettleAsync();
        _lab.Time.SetBack = TimeSpan.FromHours(hoursBack);

        for (var passed = 0; passed < minutes * 60; passed += 60)
        {
            _lab.Time.Advance(TimeSpan.FromMinutes(1));
        }

        await _lab.UntilAsync(() => _lab.RunAsync(task).Result.Status != TrajectoryStatus.Active, TimeSpan.FromSeconds(5));
        Assert.True((await _lab.RunAsync(task)).Duration >= TimeSpan.Zero);
    }
}
