using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Postgres;
using LlmProxy.Wire;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <summary>Open tasks that one process tells the others of through PostgreSQL.</summary>
[Collection(PostgresTests.Name)]
public sealed class OpenTasksTests(PostgresServer server) : IAsyncLifetime, IAsyncDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private PostgresTrajectoryStore _one = null!;
    private PostgresTrajectoryStore _other = null!;

    public async Task InitializeAsync()
    {
        Assert.True(PostgresServer.WhyNot is null, PostgresServer.WhyNot);
        var database = await server.CreateDatabaseAsync();
        _one = new PostgresTrajectoryStore(database, TimeProvider.System);
        _other = new PostgresTrajectoryStore(database, TimeProvider.System);
        await _one.InitializeAsync(default);
    }

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Fact]
    public async Task What_one_process_tells_another_finds()
    {
        var task = Told("task-1", step: 2, Key(1), Key(2));
        await _one.SaveOpenTasksAsync([task, Told("task-2", step: 1, Key(3))], default);

        var found = Assert.Single(await _other.FindOpenTasksAsync(Tenant, [Key(2), Key(9)], default));
        Assert.Equal([Key(2)], found.Keys.Select(k => k.Key));
        Assert.Equal(Flat(task), Flat(found));
        Assert.Equal(Flat(task), Flat((await _other.FindOpenTaskAsync(Tenant, "task-1", default))!));
        Assert.Null(await _other.FindOpenTaskAsync("another tenant", "task-1", default));
        Assert.Empty(await _other.FindOpenTasksAsync("another tenant", [Key(2)], default));
    }

    [Fact]
    public async Task What_a_later_step_said_stays()
    {
        await _one.SaveOpenTasksAsync([Told("task-1", step: 3, Key(3)) with { LastEndedTurn = true }], default);
        await _other.SaveOpenTasksAsync([Told("task-1", step: 2, Key(2))], default);

        var found = Assert.Single(await _one.FindOpenTasksAsync(Tenant, [Key(2), Key(3)], default));
        Assert.Equal((3, true), (found.LastStep, found.LastEndedTurn));
        Assert.Equal([2, 3], found.Keys.Select(k => k.StepIndex).Order());
    }

    [Fact]
    public async Task A_process_hears_of_what_the_others_tell_and_not_of_its_own()
    {
        var heard = Channel.CreateUnbounded<ReplicaTask>();
        using var stop = new CancellationTokenSource();
        var listening = _one.ListenAsync(t => heard.Writer.TryWrite(t), stop.Token);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));

        // Nobody says that a LISTEN is in force; what is told again and again is heard from then on.
        ReplicaTask? first = null;
        for (var step = 1; first is null; step++)
        {
            await _other.SaveOpenTasksAsync([Told("warm-up", step)], patience.Token);
            heard.Reader.TryRead(out first);
        }

        await _one.SaveOpenTasksAsync([Told("own", step: 1, Key(1))], default);
        var begun = Told("task-1", step: 4, Key(4)) with { IsUnderWay = true };
        await _other.SaveOpenTasksAsync([begun], default);
        var told = await heard.Reader.ReadAsync(patience.Token);
        while (told.TaskId == "warm-up")
        {
            told = await heard.Reader.ReadAsync(patience.Token);
        }

        Assert.Equal(Flat(begun), Flat(told));
        Assert.Equal(begun.Keys, told.Keys);
        Assert.Null(await _one.FindOpenTaskAsync(Tenant, "task-1", default));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => listening);
    }

    [Fact]
    public async Task A_deleted_run_takes_what_was_told_of_it_along()
    {
        var run = Run("run-1");
        await _one.SaveAsync([new TrajectoryChange { Trajectory = run }], default);
        await _one.SaveOpenTasksAsync([Told(run.TaskId, step: 1, Key(1))], default);

        await _one.DeleteAsync(Tenant, "run-1", default);

        Assert.Null(await _other.FindOpenTaskAsync(Tenant, run.TaskId, default));
        Assert.Empty(await _other.FindOpenTasksAsync(Tenant, [Key(1)], default));
    }

    [Fact]
    public async Task What_is_old_is_forgotten()
    {
        await _one.SaveOpenTasksAsync([Told("old", step: 1, Key(1)), Told("young", step: 1, Key(2)) with { At = Noon.AddMinutes(1) }], default);

        await _one.RemoveOpenTasksAsync(Noon.AddSeconds(30), default);

        Assert.Null(await _one.FindOpenTaskAsync(Tenant, "old", default));
        Assert.NotNull(await _one.FindOpenTaskAsync(Tenant, "young", default));
    }

    [Fact]
    public async Task Runs_that_wait_for_their_end_are_shared_among_the_processes()
    {
        await _one.SaveAsync([.. Enumerable.Range(0, 20).Select(i => new TrajectoryChange { Trajectory = Run($"run-{i:00}") with { Status = TrajectoryStatus.Active, CompletedAt = null, LastActivityAt = Noon } })], default);

        var claims = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => (i % 2 == 0 ? _one : _other).ClaimOpenAsync(Noon, 5, default)));

        Assert.All(claims, c => Assert.InRange(c.Count, 1, 5));
        var claimed = claims.SelectMany(c => c.Select(r => r.Id)).ToList();
        Assert.Equal(claimed.Count, claimed.Distinct().Count());
        var left = await _one.ClaimOpenAsync(Noon, 100, default);
        Assert.Equal(20, claimed.Concat(left.Select(r => r.Id)).Distinct().Count());
        Assert.Empty(await _other.ClaimOpenAsync(Noon, 100, default));
    }

    [Fact]
    public void Notices_stay_below_the_servers_limit_and_lose_nothing_but_what_cannot_fit()
    {
        var writer = new OpenTaskNotices();
        var tasks = Enumerable.Range(0, 50).Select(i => Told($"task-{i}", i + 1, Key(i), Key(i + 100)) with { TaskDescription = new string('ü', i * 10) }).ToList();
        tasks.Insert(25, Told("long", 1, Key(1)) with { TaskDescription = new string('x', 9_000) });

        var payloads = writer.Write(tasks).ToList();
        var read = new List<ReplicaTask>();
        payloads.ForEach(p => new OpenTaskNotices().Read(p, read.Add));
        payloads.ForEach(p => writer.Read(p, _ => Assert.Fail("a process hears itself")));
        new OpenTaskNotices().Read("0123456789012345678901234567890123456789 another version's", read.Add);

        Assert.All(payloads, p => Assert.InRange(Encoding.UTF8.GetByteCount(p), 1, 7_999));
        Assert.Equal(tasks.Where(t => t.TaskId != "long").Select(Flat), read.Select(Flat));
        Assert.Equal(tasks.Where(t => t.TaskId != "long").SelectMany(t => t.Keys.Select(k => k.Key)), read.SelectMany(t => t.Keys.Select(k => k.Key)));
    }

    [Fact]
    public void A_notice_of_an_earlier_version_is_read_and_its_form_is_kept()
    {
        const string Task = """{"Task":{"TaskId":"a","TrajectoryId":"run-of-a","Tenant":"default","ConversationId":"conversation","ParentId":"above","SessionId":"session","TaskDescription":"What it is","LastStep":2,"Keys":[]},"Keys":[]}""";
        var read = new List<ReplicaTask>();

        new OpenTaskNotices().Read("00000000000000000000000000000000[" + Task + "]", read.Add);
        var written = new OpenTaskNotices().Write(read).Single();

        var task = Assert.Single(read);
        Assert.Equal(("a", "run-of-a", "default", "conversation", "above", "session", 2), (task.TaskId, task.TrajectoryId, task.Tenant, task.ConversationId, task.ParentId, task.SessionId, task.LastStep));
        var form = JsonNode.Parse(written[32..])![0]!["Task"]!.AsObject();
        Assert.All(JsonNode.Parse(Task)!["Task"]!.AsObject(), p => Assert.True(JsonNode.DeepEquals(p.Value, form[p.Key]), p.Key));
    }

    private static TurnKey Key(int number) => new(0x0123456789abcdef, (ulong)number);

    private static ReplicaTask Flat(ReplicaTask task) => task with { Keys = [] };

    private static ReplicaTask Told(string id, int step, params TurnKey[] keys) => new()
    {
        TaskId = id,
        TrajectoryId = "run-of-" + id,
        Tenant = Tenant,
        ConversationId = "conversation",
        SessionId = "session",
        TaskDescription = "What it is",
        Model = "claude-opus-4-1",
        StartedAt = Noon.AddMinutes(-1),
        LastStep = step,
        LastAnswered = true,
        LastReadable = true,
        OffersTools = true,
        Stream = true,
        At = Noon,
        Keys = [.. keys.Select(k => new CorrelationEntry(k, CorrelationKind.Chain, id, step, Noon))],
    };
}
