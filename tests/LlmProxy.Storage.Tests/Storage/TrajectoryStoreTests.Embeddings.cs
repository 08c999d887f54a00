using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Making the vectors of runs that are stored already.</content>
public abstract partial class TrajectoryStoreTests
{
    private static readonly VectorKind TestModel = new("test-model", 1);

    [StoreFact]
    public async Task Runs_that_lack_a_vector_of_a_model_and_length_are_listed_by_row_with_the_texts_of_those_they_have()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("none") },
            new TrajectoryChange { Trajectory = Run("lexical"), Embeddings = [Lexical(1) with { Text = "in other words" }] },
            new TrajectoryChange { Trajectory = Run("has-one"), Embeddings = [Vector(1)] },
            new TrajectoryChange { Trajectory = Run("longer"), Embeddings = [Vector(1, 2)] },
            new TrajectoryChange { Trajectory = Run("other-kind"), Embeddings = [Vector(1) with { Kind = "subject", Text = "its subject" }] },
            new TrajectoryChange { Trajectory = Run("no-content") with { HasContent = false } },
            new TrajectoryChange { Trajectory = Run("no-task", "") },
            new TrajectoryChange { Trajectory = Run("active") with { Status = TrajectoryStatus.Active } },
            new TrajectoryChange { Trajectory = Run("theirs") with { Tenant = "other" } });
        var query = new TrajectoryTextsQuery(Tenant, 10) { Lacking = [TestModel] };

        var listed = await Store.ListRunTextsAsync(query, default);

        Assert.Equal(["lexical", "longer", "none", "other-kind"], listed.Select(r => r.Run.Id).Order(StringComparer.Ordinal));
        Assert.Equal(listed.Select(r => r.Row).Order(), listed.Select(r => r.Row));
        Assert.Equal("in other words", listed.Single(r => r.Run.Id == "lexical").Texts["task"]);
        Assert.Equal("its subject", listed.Single(r => r.Run.Id == "other-kind").Texts["subject"]);
        Assert.Empty(listed.Single(r => r.Run.Id == "none").Texts);
        Assert.Equal(4, await Store.CountRunTextsAsync(query, default));
        Assert.Equal(5, await Store.CountRunTextsAsync(query with { Lacking = [] }, default));
        Assert.Equal(5, await Store.CountRunTextsAsync(query with { Lacking = [TestModel, new VectorKind("lexical-1", 1)] }, default));
        Assert.Equal(listed.Skip(1).Select(r => r.Run.Id), (await Store.ListRunTextsAsync(query with { AfterRow = listed[0].Row }, default)).Select(r => r.Run.Id));
        Assert.Single(await Store.ListRunTextsAsync(query with { Limit = 1 }, default));
    }

    [StoreFact]
    public async Task Vectors_of_a_stored_run_are_saved_beside_it_and_found_and_a_run_that_has_changed_since_is_passed_over()
    {
        var run = Run("a", "Book a flight to Rome");
        await SaveAsync(new TrajectoryChange { Trajectory = run }, new TrajectoryChange { Trajectory = Run("b") with { HasContent = false } });
        TrajectoryEmbeddings Made(string id, string task) => new(id, task, [Vector(1, 0) with { Text = task }, Lexical(0, 1) with { Text = task }, Vector(0, 1) with { Kind = "subject", Text = "Hotel Excelsior" }]);

        Assert.Equal(0, await Store.SaveEmbeddingsAsync(Tenant, [Made("a", "Another task"), Made("b", run.TaskDescription), Made("gone", "x")], default));
        Assert.Equal(0, await Store.SaveEmbeddingsAsync("other", [Made("a", run.TaskDescription)], default));
        Assert.Equal(1, await Store.SaveEmbeddingsAsync(Tenant, [Made("a", run.TaskDescription)], default));

        Assert.Equal(1, Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "", 5), default)).Similarity!.Value, 1e-5);
        Assert.Equal(1, Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [0, 1], "", 5), default)).Similarity!.Value, 1e-5);
        Assert.Equal(1, Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "none", [], "excelsior", 5), default)).TextRank);
        Assert.Equal(1, (await Store.ReadDocumentFrequenciesAsync(Tenant, [0, 1], default)).Documents);
        Assert.Equal(1, await Store.SaveEmbeddingsAsync(Tenant, [Made("a", run.TaskDescription)], default));
        Assert.Equal(1, (await Store.ReadDocumentFrequenciesAsync(Tenant, [0, 1], default)).Documents);

        // The run's row is the one that it was: a change that was read before is still taken.
        var read = (await Store.FindTrajectoryAsync(Tenant, "a", default))!;
        await Store.SaveEmbeddingsAsync(Tenant, [Made("a", run.TaskDescription)], default);
        await Store.SaveAsync([new TrajectoryChange { Trajectory = read with { UserInterventions = 2 } }], default);
    }

    [StoreFact]
    public async Task Vectors_of_models_that_are_not_in_use_are_removed_and_no_search_finds_them_again()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("a"), Embeddings = [Vector(1), Vector(1, 2), Lexical(1), new TrajectoryEmbedding("lexical-0", "task", [1f], "")] },
            new TrajectoryChange { Trajectory = Run("b"), Embeddings = [Vector(1, 2)] },
            new TrajectoryChange { Trajectory = Run("theirs") with { Tenant = "other" }, Embeddings = [Vector(1, 2)] });
        async Task<int> Hits(string tenant, string model, params float[] vector) => (await Store.SearchAsync(new SearchQuery(tenant, model, vector, "", 5), default)).Count;
        Assert.Equal((2, 1), (await Hits(Tenant, "test-model", 1, 2), await Hits(Tenant, "test-model", 1)));

        var removed = await Store.RemoveOtherEmbeddingsAsync(Tenant, [TestModel, new VectorKind("lexical-1", 1)], default);

        Assert.Equal(3, removed);
        Assert.Equal((0, 1, 1), (await Hits(Tenant, "test-model", 1, 2), await Hits(Tenant, "test-model", 1), await Hits(Tenant, "lexical-1", 1)));
        Assert.Equal(1, await Hits("other", "test-model", 1, 2));
        Assert.Equal(1, (await Store.ReadDocumentFrequenciesAsync(Tenant, [0], default)).Documents);
        Assert.Equal(0, await Store.RemoveOtherEmbeddingsAsync(Tenant, [TestModel, new VectorKind("lexical-1", 1)], default));
    }

    [StoreFact]
    public async Task How_far_work_has_come_is_noted_and_forgotten_at_its_end()
    {
        Assert.Null(await Store.ReadProgressAsync("some work", default));

        await Store.SaveProgressAsync("some work", "12", default);
        await Store.SaveProgressAsync("some work", "24", default);
        Assert.Equal("24", await Store.ReadProgressAsync("some work", default));
        Assert.Null(await Store.ReadProgressAsync("other work", default));

        await Store.SaveProgressAsync("some work", null, default);
        Assert.Null(await Store.ReadProgressAsync("some work", default));
    }
}
