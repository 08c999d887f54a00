using System.Diagnostics;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Retrieval;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Curation;

/// <summary>Which tasks are of one type, and what it is called.</summary>
public sealed class TaskTypeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Planted_types_are_found_again()
    {
        for (var seed = 1; seed <= 20; seed++)
        {
            var lab = new CurationLab();
            var kinds = PlantedTasks.Add(lab, seed, tasks: 300);

            var report = await lab.CurateAsync();

            var typed = lab.Runs.Where(r => r.TaskType is not null).ToList();
            var (purity, gathered) = Agreement(typed, kinds);
            output.WriteLine($"seed {seed}: {report.Types.Count} types, {report.Untyped} untyped, purity {purity:0.000}, largest type of a kind {gathered:0.000}: {string.Join(" | ", report.Types.Select(t => t.Name))}");
            Assert.Equal(0, report.Untyped);
            Assert.True(purity >= 0.97, $"seed {seed}: {purity}");
            Assert.True(gathered >= 0.9, $"seed {seed}: {gathered}");
        }
    }

    [Fact]
    public async Task The_same_store_gives_the_same_result_and_a_second_curation_changes_nothing()
    {
        var (one, two) = (new CurationLab(), new CurationLab());
        PlantedTasks.Add(one, 7, tasks: 200);
        PlantedTasks.Add(two, 7, tasks: 200);

        var dry = await one.CurateAsync(dryRun: true);
        Assert.Equal(200, one.Runs.Count(r => r.TaskType is null));
        var first = await one.CurateAsync();
        var again = await one.CurateAsync();
        var other = await two.CurateAsync();

        Assert.Equal(Text(dry), Text(first));
        Assert.Equal(Text(first), Text(other));
        Assert.Equal(Text(first), Text(again));
        Assert.Equal((200, 200, 0), (dry.Changed, first.Changed, again.Changed));
    }

    [Fact]
    public async Task A_type_keeps_its_name_while_the_store_grows()
    {
        var lab = new CurationLab();
        PlantedTasks.Add(lab, 3, tasks: 100);
        var before = (await lab.CurateAsync()).Types.Select(t => t.Name).ToHashSet();
        PlantedTasks.Add(lab, 4, tasks: 300, first: 100);

        var after = (await lab.CurateAsync()).Types.Select(t => t.Name).ToHashSet();

        Assert.Subset(after, before);
    }

    [Fact]
    public async Task A_stated_type_stays_and_gathers_the_tasks_that_are_like_its_own()
    {
        var lab = new CurationLab();
        lab.Add(TestRuns.Run("a", "Download the March invoice from the supplier portal") with { TaskType = "billing", IsTaskTypeStated = true });
        lab.Add(TestRuns.Run("b", "Download the May invoice from the supplier portal"));
        lab.Add(TestRuns.Run("c", "Download the June invoice of the supplier portal"));
        lab.Add(TestRuns.Run("d", "Water the plants on the balcony") with { TaskType = "odd", IsTaskTypeStated = true });

        var report = await lab.CurateAsync();

        Assert.Equal([("billing", true, 3), ("odd", true, 1)], report.Types.Select(t => (t.Name, t.IsStated, t.Tasks)));
        Assert.Equal(["billing", "billing", "billing", "odd"], lab.Runs.OrderBy(r => r.Id, StringComparer.Ordinal).Select(r => r.TaskType));
    }

    [Theory]
    [InlineData("send_report", 1)]
    [InlineData("Edit", 2)]
    public async Task Tools_decide_where_words_leave_it_open(string tool, int types)
    {
        var lab = new CurationLab();
        foreach (var (i, place) in new[] { "Rome", "Oslo", "Lima" }.Index())
        {
            lab.Add(TestRuns.Run($"send-{i}", $"Send the quarterly report of {place} to the partners", "send_report"));
            lab.Add(TestRuns.Run($"other-{i}", $"Correct the broken totals in the quarterly report of {place}", tool));
        }

        await lab.CurateAsync();

        Assert.Single(lab.Runs.Where(r => r.Id.StartsWith("send", StringComparison.Ordinal)).Select(r => r.TaskType).Distinct());
        Assert.Equal(types, lab.Runs.Select(r => r.TaskType).Distinct().Count());
    }

    [Fact]
    public async Task What_one_task_alone_says_is_no_name_of_a_type()
    {
        var lab = new CurationLab();
        lab.Add(TestRuns.Run("a", "Remind Marguerite AB12345"));
        lab.Add(TestRuns.Run("b", "Remind Bartholomew AB12345"));
        lab.Add(TestRuns.Run("c", "Repair the bicycle"));

        var report = await lab.CurateAsync();

        Assert.Equal("remind", Assert.Single(report.Types).Name);
        Assert.Equal(1, report.Untyped);
        Assert.Null(lab.Runs.Single(r => r.Id == "c").TaskType);
    }

    [Theory]
    [InlineData("資料を作成してください", "資料を作成して下さい")]
    [InlineData("🎉🎉🎉", "🎉🎉🎉")]
    [InlineData("12345 67890", "12345 67890")]
    public async Task Tasks_without_words_of_letters_have_a_type_with_a_name(string one, string two)
    {
        var lab = new CurationLab();
        lab.Add(TestRuns.Run("a", one));
        lab.Add(TestRuns.Run("b", two));

        Assert.NotEqual("", Assert.Single((await lab.CurateAsync()).Types).Name);
    }

    [Fact]
    public async Task Tasks_without_a_vector_of_the_configured_embedder_join_by_their_words()
    {
        var lab = new CurationLab(new FixedEmbedder());
        lab.Store.Add(TestRuns.Run("a", "Download the March invoice"), Vector(1, 0, 0));
        lab.Store.Add(TestRuns.Run("b", "Fetch a bill"), Vector(0.99f, 0.1f, 0));
        lab.Store.Add(TestRuns.Run("c", "Fix the unit test"), Vector(0, 1, 0));
        lab.Store.Add(TestRuns.Run("d", "Repair a broken check"), Vector(0.05f, 0.99f, 0));
        lab.Store.Add(TestRuns.Run("e", "Download the May invoice") with { Success = false, Status = TrajectoryStatus.Failed, QualityScore = null });

        await lab.CurateAsync();

        var types = lab.Runs.ToDictionary(r => r.Id, r => r.TaskType);
        Assert.Equal((types["a"], types["c"], types["a"]), (types["b"], types["d"], types["e"]));
        Assert.NotEqual(types["a"], types["c"]);

        static TrajectoryEmbedding Vector(params float[] vector) => new(FixedEmbedder.Name, EmbeddingService.TaskKind, vector, "");
    }

    [Fact]
    public async Task The_largest_curation_takes_seconds()
    {
        var lab = new CurationLab();
        PlantedTasks.Add(lab, 1, tasks: ExampleCurator.MostTasks, unlike: 0.5);
        var watch = Stopwatch.StartNew();

        var report = await lab.CurateAsync(dryRun: true);

        output.WriteLine($"{report.Tasks} tasks, half of them of no type: {watch.Elapsed.TotalSeconds:0.0} s, {report.Types.Count} types, {report.Untyped} untyped, {report.Redundant.Count} redundant");
        Assert.Equal(ExampleCurator.MostTasks, report.Tasks);
    }

    private static (double Purity, double Gathered) Agreement(List<Trajectory> typed, IReadOnlyDictionary<string, string> kinds)
    {
        var purity = (double)typed.GroupBy(r => r.TaskType).Sum(g => g.GroupBy(r => kinds[r.Id]).Max(k => k.Count())) / typed.Count;
        var gathered = (double)typed.GroupBy(r => kinds[r.Id]).Sum(g => g.GroupBy(r => r.TaskType).Max(t => t.Count())) / typed.Count;
        return (purity, gathered);
    }

    private static string Text(CurationReport report) => System.Text.Json.JsonSerializer.Serialize(report with { IsDryRun = false, Changed = 0 });
}
