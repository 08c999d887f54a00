using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Retrieval;

/// <summary>Examples of the same project, and examples that are out of date.</summary>
public sealed class ExampleScopeTests : IDisposable
{
    private const string Task1 = "Add a retry to the download of the invoices";
    private const string Other = "Add a retry to the upload of the yearly reports";
    private const string Both = "Add a retry to the download of the invoices and the upload of the yearly reports";

    private readonly InMemoryStore _store = new();
    private readonly EmbeddingService _embeddings = new(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical });

    public void Dispose() => _embeddings.Dispose();

    [Fact]
    public async Task Only_trajectories_of_the_project_are_chosen_and_the_others_are_named()
    {
        _store.AddLexical(TestRuns.Run("mine", Task1) with { Project = "/repo" });
        _store.AddLexical(TestRuns.Run("theirs", Task1 + " today") with { Project = "/other" });
        _store.AddLexical(TestRuns.Run("subfolder", Task1 + " now") with { Project = "/repo/sub" });
        _store.AddLexical(TestRuns.Run("unknown", Task1 + " soon"));

        var scoped = await FindAsync(new ExampleQuery("default", Task1, 3) { Project = "/repo" });
        var all = await FindAsync(new ExampleQuery("default", Task1, 9));

        Assert.Equal(["mine"], Ids(scoped));
        Assert.Equal([("subfolder", "other-project"), ("theirs", "other-project"), ("unknown", "other-project")], scoped.LeftOut.Select(l => (l.Trajectory.Id, l.Reason.ToWord())).Order());
        Assert.DoesNotContain(all.LeftOut, l => l.Reason == SkipReason.OtherProject);
    }

    [Theory]
    [InlineData(20, "bash", true)]
    [InlineData(19, "bash", false)]
    [InlineData(40, "edit_file", false)]
    public async Task A_trajectory_whose_tools_its_project_no_longer_uses_ranks_lower_and_says_why(int later, string tool, bool isOutOfDate)
    {
        _store.AddLexical(TestRuns.Run("old", Task1, "edit_file") with { Project = "/repo", StartedAt = At(0) });
        _store.AddLexical(TestRuns.Run("new", Other, "bash") with { Project = "/repo", StartedAt = At(50) });
        for (var i = 1; i < later; i++)
        {
            _store.AddLexical(TestRuns.Run($"later-{i}", "Something else entirely " + i, tool) with { Project = "/repo", StartedAt = At(i) });
        }

        // What other projects do says nothing.
        _store.AddLexical(TestRuns.Run("elsewhere", "Unrelated", "edit_file") with { Project = "/other", StartedAt = At(60) });

        var found = await FindAsync(new ExampleQuery("default", Both, 2) { Project = "/repo" });

        var old = Assert.Single(found.Chosen, c => c.Trajectory.Id == "old");
        Assert.Equal(isOutOfDate ? [ExampleAgeing.ProjectMovedOn] : [], old.Ageing);
        Assert.Equal(2, found.Chosen.Count);
        Assert.True(!isOutOfDate || found.Chosen[0].Trajectory.Id == "new");
    }

    [Fact]
    public async Task A_trajectory_whose_tools_are_partly_offered_ranks_below_one_whose_tools_all_are()
    {
        _store.AddLexical(TestRuns.Run("partly", Task1, "edit_file", "notebook_edit"));
        _store.AddLexical(TestRuns.Run("all", Other, "edit_file"));

        var found = await FindAsync(new ExampleQuery("default", Both, 2) { OfferedTools = ["edit_file", "bash"] });

        Assert.Equal(["all", "partly"], Ids(found));
        Assert.Equal([ExampleAgeing.ToolsNotOffered], found.Chosen[1].Ageing);
        Assert.Empty(found.Chosen[0].Ageing);
    }

    [Fact]
    public async Task Of_two_trajectories_of_one_task_the_one_that_is_up_to_date_teaches()
    {
        _store.AddLexical(TestRuns.Run("old", Task1, "edit_file") with { Project = "/repo", StartedAt = At(0), OutcomeSource = OutcomeSource.Human });
        _store.AddLexical(TestRuns.Run("new", Task1, "bash") with { Project = "/repo", StartedAt = At(50) });
        for (var i = 1; i < 20; i++)
        {
            _store.AddLexical(TestRuns.Run($"later-{i}", "Something else entirely " + i, "bash") with { Project = "/repo", StartedAt = At(i) });
        }

        Assert.Equal(["new"], Ids(await FindAsync(new ExampleQuery("default", Task1, 1) { Project = "/repo" })));
    }

    private static DateTimeOffset At(int hours) => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddHours(hours);

    private Task<ExampleSearchResult> FindAsync(ExampleQuery query) =>
        new ExampleSearch(_store, _store, _embeddings, new FewShotOptions(), new QualityOptions(), NullLogger<ExampleSearch>.Instance).FindAsync(query, withReasons: true, default);

    private static List<string> Ids(ExampleSearchResult found) => [.. found.Chosen.Select(c => c.Trajectory.Id)];
}
