using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Listing, searching, examples.</content>
public abstract partial class TrajectoryStoreTests
{
    [StoreFact]
    public async Task Listing_goes_from_the_newest_to_the_oldest_page_by_page_and_misses_none()
    {
        // Some start at the same moment, so that a cursor of times alone would lose or repeat them.
        await Store.SaveAsync(Enumerable.Range(0, 25).Select(i => new TrajectoryChange { Trajectory = Run($"r{i:00}") with { StartedAt = Start.AddMinutes(i / 10) } }).ToList(), default);

        var seen = new List<string>();
        string? cursor = null;
        var pages = 0;
        do
        {
            var page = await Store.ListAsync(new TrajectoryQuery(Tenant) { Limit = 7, Cursor = cursor }, default);
            seen.AddRange(page.Items.Select(r => r.Id));
            cursor = page.NextCursor;
            pages++;
        }
        while (cursor is not null && pages < 10);

        Assert.Equal(4, pages);
        Assert.Equal(Enumerable.Range(0, 25).OrderByDescending(i => i / 10).ThenByDescending(i => i).Select(i => $"r{i:00}"), seen);
    }

    [StoreFact]
    public async Task A_last_page_that_is_just_full_has_no_next_one()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("a") }, new TrajectoryChange { Trajectory = Run("b") });

        Assert.Null((await Store.ListAsync(new TrajectoryQuery(Tenant) { Limit = 2 }, default)).NextCursor);
        Assert.NotNull((await Store.ListAsync(new TrajectoryQuery(Tenant) { Limit = 1 }, default)).NextCursor);
    }

    [StoreFact]
    public async Task A_cursor_that_is_none_is_refused()
    {
        foreach (var cursor in new[] { "x", "!!", "MTIz", "LTF8YQ" })
        {
            await Assert.ThrowsAsync<ArgumentException>(() => Store.ListAsync(new TrajectoryQuery(Tenant) { Cursor = cursor }, default));
        }
    }

    [StoreFact]
    public async Task Each_filter_of_a_listing_lets_through_what_it_says()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("a") with { StartedAt = Start } },
            new TrajectoryChange { Trajectory = Run("b") with { StartedAt = Start.AddMinutes(1), Provider = "openai", Model = "gpt-4o", Status = TrajectoryStatus.Failed, Success = false, QualityScore = null } },
            new TrajectoryChange { Trajectory = Run("c") with { StartedAt = Start.AddMinutes(2), QualityScore = 0.5, Success = null, Status = TrajectoryStatus.NeedsHelp } });
        async Task<string> Ids(TrajectoryQuery query) => string.Join(',', (await Store.ListAsync(query, default)).Items.Select(r => r.Id));
        var all = new TrajectoryQuery(Tenant);

        Assert.Equal("c,b,a", await Ids(all));
        Assert.Equal("b", await Ids(all with { Provider = "openai" }));
        Assert.Equal("b", await Ids(all with { Model = "gpt-4o" }));
        Assert.Equal("c", await Ids(all with { Status = TrajectoryStatus.NeedsHelp }));
        Assert.Equal("a", await Ids(all with { Success = true }));
        Assert.Equal("b", await Ids(all with { Success = false }));
        Assert.Equal("a", await Ids(all with { MinQuality = 0.6 }));
        Assert.Equal("c,a", await Ids(all with { MinQuality = 0.5 }));
        Assert.Equal("c,b", await Ids(all with { Since = Start.AddMinutes(1) }));
        Assert.Equal("c", await Ids(all with { Since = Start.AddMinutes(1), Provider = "anthropic" }));
    }

    [StoreFact]
    public async Task A_listing_finds_runs_by_the_beginning_of_an_id()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("0191aa01") with { TaskId = "0191aa00", StartedAt = Start } },
            new TrajectoryChange { Trajectory = Run("0191ab01") with { TaskId = "feed-the-cat", StartedAt = Start.AddMinutes(1) } },
            new TrajectoryChange { Trajectory = Run("0191ab02") with { TaskId = "feedzoo_%", StartedAt = Start.AddMinutes(2) } });
        async Task<string> Ids(string prefix, string? tenant = null) => string.Join(',', (await Store.ListAsync(new TrajectoryQuery(tenant ?? Tenant) { IdPrefix = prefix }, default)).Items.Select(r => r.Id));

        Assert.Equal("0191ab02,0191ab01,0191aa01", await Ids("0191"));
        Assert.Equal("0191aa01", await Ids("0191aa00"));
        Assert.Equal("0191ab02,0191ab01", await Ids("feed"));
        Assert.Equal("0191ab02", await Ids("0191ab02"));
        Assert.Equal("", await Ids("0191ab03"));
        Assert.Equal("0191ab01", await Ids("feed-"));
        Assert.Equal("0191ab02", await Ids("feedzoo_%"));
        Assert.Equal("", await Ids("feedzoo__"));
        Assert.Equal("", await Ids("Feed"));
        Assert.Equal("", await Ids("0191", "another"));
    }

    [StoreFact]
    public async Task A_listing_finds_runs_that_hold_the_beginnings_of_all_words()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("rome", "Book a Flight to Rome, then e-mail me") },
            new TrajectoryChange { Trajectory = Run("oslo", "Book a flight to Oslo") },
            new TrajectoryChange { Trajectory = Run("kyoto", "京都への航空券を予約する") },
            new TrajectoryChange { Trajectory = Run("other", "nothing"), Embeddings = [Vector(1, 0) with { Text = "a flight after all" }] });
        async Task<string> Ids(string search) => string.Join(',', (await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = search }, default)).Items.Select(r => r.Id).Order(StringComparer.Ordinal));

        Assert.Equal("oslo,rome", await Ids("flight book"));
        Assert.Equal("rome", await Ids("FLI rom"));
        Assert.Equal("rome", await Ids("e-mail"));
        Assert.Equal("kyoto", await Ids("京都 航空"));
        Assert.Equal("", await Ids("flight paris"));
        Assert.Equal("", await Ids("light"));
    }

    [StoreFact]
    public async Task Runs_that_cannot_become_an_example_are_found_only_to_be_explained()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("metrics") with { HasContent = false } },
            new TrajectoryChange { Trajectory = Run("active") with { Status = TrajectoryStatus.Active, Success = null } },
            new TrajectoryChange { Trajectory = Run("cancelled") with { Status = TrajectoryStatus.Cancelled, Success = null } },
            new TrajectoryChange { Trajectory = Run("theirs") with { Tenant = "other" } });
        var query = new SearchQuery(Tenant, "test-model", [1, 0], "flight to Rome", 5);

        Assert.Empty(await Store.SearchAsync(query, default));
        Assert.Equal(["active", "cancelled", "metrics"], (await Store.SearchAsync(query with { OnlyUsable = false, SuccessOnly = false }, default)).Select(h => h.Trajectory.Id).Order(StringComparer.Ordinal));
    }

    [StoreFact]
    public async Task A_run_is_found_by_the_words_of_its_tools_too()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("cancelled", "Help me with my booking") with { ToolsUsed = ["get_user", "cancel_reservation"] } },
            new TrajectoryChange { Trajectory = Run("other", "Help me with my booking") with { ToolsUsed = ["get_user"] } });

        Assert.Equal(["cancelled"], (await Store.SearchAsync(new SearchQuery(Tenant, "none", [], "cancel the reservation", 5), default)).Select(h => h.Trajectory.Id));
    }

    [StoreFact]
    public async Task Any_text_can_be_searched_for()
    {
        await SaveAsync(Embedded(Run("run-1", "it's 100% \"done\" (AND NOT a* near:b) \\ ' & | ! <-> ^"), 1, 0));
        string[] texts =
        [
            "\"", "'", "a*", "(", ")", "AND", "OR NOT", "NEAR(a b)", "{task} : x", "task:x", "-x", "^x", "\\", "a'b", "a & | ! b", "<->", ":*", "%", "_", "--", ";", "\0", "\ud83d", "🎉", "  ", "a\u0301", "x" + new string('y', 5000), string.Join(' ', Enumerable.Range(0, 5000).Select(i => "w" + i)),
        ];

        foreach (var text in texts)
        {
            await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = text }, default);
            await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], text, 5), default);
        }

        Assert.Single((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = "it's 100% \"DONE\" (and" }, default)).Items);
    }

    [StoreFact]
    public async Task A_changed_description_is_found_by_its_new_words_alone()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1", "alpha") });
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1", "beta") });

        Assert.Empty((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = "alpha" }, default)).Items);
        Assert.Single((await Store.ListAsync(new TrajectoryQuery(Tenant) { Search = "beta" }, default)).Items);
    }

    [StoreFact]
    public async Task The_nearest_runs_come_first_with_their_cosine()
    {
        await SaveAsync(Embedded(Run("far"), 0, 1), Embedded(Run("near"), 0.8f, 0.6f), Embedded(Run("same"), 1, 0), Embedded(Run("opposite"), -1, 0), Embedded(Run("zero"), 0, 0));

        var hits = await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "", 4), default);

        Assert.Equal(["same", "near", "far", "zero"], hits.Select(h => h.Trajectory.Id));
        Assert.Equal([1, 2, 3, 4], hits.Select(h => h.VectorRank!.Value));
        Assert.Equal(1.0, hits[0].Similarity!.Value, 6);
        Assert.Equal(0.8, hits[1].Similarity!.Value, 6);
        Assert.Equal(0.0, hits[3].Similarity!.Value, 6);
        Assert.All(hits, h => Assert.Null(h.TextRank));
    }

    [StoreFact]
    public async Task Runs_near_to_either_of_two_models_vectors_are_found_with_both_cosines()
    {
        static TrajectoryEmbedding Other(float x, float y) => new("other-model", "task", [x, y], "");
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("first"), Embeddings = [Vector(1, 0), Other(0, 1)] },
            new TrajectoryChange { Trajectory = Run("second"), Embeddings = [Vector(0, 1), Other(1, 0)] },
            new TrajectoryChange { Trajectory = Run("words", "cancel the reservation"), Embeddings = [Vector(-1, 0), Other(-0.8f, 0.6f)] },
            Embedded(Run("lacking"), 0.8f, 0.6f));

        var query = new SearchQuery(Tenant, "test-model", [1, 0], "reservation", 1) { Second = new SearchVector("other-model", [1, 0]) };
        var hits = (await Store.SearchAsync(query, default)).ToDictionary(h => h.Trajectory.Id, StringComparer.Ordinal);
        var lacking = (await Store.SearchAsync(query with { Limit = 4 }, default)).Single(h => h.Trajectory.Id == "lacking");

        Assert.Equal(["first", "second", "words"], hits.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((1.0, 0.0, 1), (hits["first"].Similarity!.Value, hits["first"].SecondSimilarity!.Value, hits["first"].VectorRank));
        Assert.Equal((0.0, 1.0, null), (hits["second"].Similarity!.Value, hits["second"].SecondSimilarity!.Value, hits["second"].VectorRank));
        Assert.Equal((-1.0, -0.8, 1), (hits["words"].Similarity!.Value, Math.Round(hits["words"].SecondSimilarity!.Value, 6), hits["words"].TextRank));
        Assert.Null(lacking.SecondSimilarity);
        Assert.All(await Store.SearchAsync(query with { Second = null }, default), h => Assert.Null(h.SecondSimilarity));
    }

    [StoreFact]
    public async Task The_best_of_a_runs_vectors_counts_and_a_run_is_one_hit()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("two"), Embeddings = [Vector(0.9f, 0.1f), Vector(1, 0) with { Kind = "outcome" }] },
            Embedded(Run("one"), 0.8f, 0.6f));

        var hits = await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "", 2), default);

        Assert.Equal(["two", "one"], hits.Select(h => h.Trajectory.Id));
        Assert.Equal(1.0, hits[0].Similarity!.Value, 6);
    }

    [StoreFact]
    public async Task Vectors_of_other_models_and_dimensions_are_not_compared()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("other-model"), Embeddings = [Vector(1, 0) with { Model = "another" }] },
            Embedded(Run("other-dimension"), 1, 0, 0),
            Embedded(Run("mine"), 0, 1));

        var hit = Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "", 5), default));

        Assert.Equal("mine", hit.Trajectory.Id);
    }

    [StoreFact]
    public async Task Words_and_vectors_are_ranked_each_for_itself()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("words", "refund the order of a customer"), Embeddings = [Vector(0, 1)] },
            new TrajectoryChange { Trajectory = Run("vector", "something else"), Embeddings = [Vector(1, 0)] },
            new TrajectoryChange { Trajectory = Run("unembedded", "refund") },
            new TrajectoryChange { Trajectory = Run("by-text", "nothing"), Embeddings = [Vector(0, 1) with { Kind = "outcome", Text = "refund" }] });

        var hits = (await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "please refund order", 1) { Limit = 3 }, default)).ToDictionary(h => h.Trajectory.Id, StringComparer.Ordinal);

        Assert.Equal((1, (int?)null), (hits["vector"].VectorRank!.Value, hits["vector"].TextRank));
        Assert.Equal(1, hits["words"].TextRank);
        Assert.Equal(0.0, hits["words"].Similarity!.Value, 6);
        Assert.Null(hits["unembedded"].Similarity);
        Assert.Null(hits["unembedded"].VectorRank);
        Assert.NotNull(hits["unembedded"].TextRank);
        Assert.NotNull(hits["by-text"].TextRank);
    }

    [StoreFact]
    public async Task A_text_that_comes_with_a_later_vector_is_found()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") });
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1"), Embeddings = [Vector(1, 0) with { Kind = "outcome", Text = "refund granted" }] });

        Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "none", [], "refund", 5), default));
        Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "none", [], "flight", 5), default));
    }

    [StoreFact]
    public async Task A_text_hit_behind_the_vector_hits_still_has_its_cosine()
    {
        await SaveAsync(Embedded(Run("near", "x"), 1, 0), Embedded(Run("words", "refund"), 0.6f, 0.8f));

        var hits = await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "refund", 1), default);

        Assert.Equal(["near", "words"], hits.Select(h => h.Trajectory.Id));
        Assert.Null(hits[1].VectorRank);
        Assert.Equal(0.6, hits[1].Similarity!.Value, 6);
    }

    [StoreFact]
    public async Task A_search_considers_only_what_its_filter_lets_through()
    {
        await SaveAsync(
            Embedded(Run("good"), 0, 1),
            Embedded(Run("failed") with { Success = false, Status = TrajectoryStatus.Failed, QualityScore = null }, 1, 0),
            Embedded(Run("unknown") with { Success = null, QualityScore = null }, 1, 0),
            Embedded(Run("poor") with { QualityScore = 0.2 }, 1, 0),
            Embedded(Run("gpt") with { Provider = "openai" }, 1, 0),
            Embedded(Run("retired"), 1, 0),
            Embedded(Run("active") with { Status = TrajectoryStatus.Active }, 1, 0),
            Embedded(Run("cancelled") with { Status = TrajectoryStatus.Cancelled }, 1, 0),
            Embedded(Run("no-content") with { HasContent = false }, 1, 0),
            Embedded(Run("others") with { Tenant = "other" }, 1, 0));
        await Store.UpdateExampleAsync(Tenant, new FewShotExampleRow("retired", "", null, false, true, null, 0, null), default);
        async Task<string> Ids(SearchQuery query)
        {
            var byVector = await Store.SearchAsync(query, default);
            var byWord = await Store.SearchAsync(query with { Vector = [], Text = "flight" }, default);
            var ids = byVector.Select(h => h.Trajectory.Id).Order(StringComparer.Ordinal).ToList();
            Assert.Equal(ids, byWord.Select(h => h.Trajectory.Id).Order(StringComparer.Ordinal));
            return string.Join(',', ids);
        }

        var strict = new SearchQuery(Tenant, "test-model", [1, 0], "", 20) { Providers = ["anthropic"], MinQuality = 0.7 };
        Assert.Equal("good", await Ids(strict));
        Assert.Equal("good,gpt", await Ids(strict with { Providers = [] }));
        Assert.Equal("good,gpt", await Ids(strict with { Providers = ["openai", "anthropic"] }));
        Assert.Equal("good,poor", await Ids(strict with { MinQuality = null }));
        Assert.Equal("good,retired", await Ids(strict with { WithoutRetired = false }));
        Assert.Equal("failed,good,poor,unknown", await Ids(strict with { MinQuality = null, SuccessOnly = false }));
        Assert.Equal("good", await Ids(strict with { Limit = 1 }));
    }

    [StoreFact]
    public async Task A_filter_that_stops_nearly_all_still_finds_the_rest()
    {
        await Store.SaveAsync(Enumerable.Range(0, 300).Select(i => Embedded(Run($"r{i}") with { Provider = i == 299 ? "rare" : "anthropic" }, 1, i)).ToList(), default);

        var hit = Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "test-model", [1, 0], "", 1) { Providers = ["rare"] }, default));

        Assert.Equal("r299", hit.Trajectory.Id);
    }

    [StoreFact]
    public async Task A_search_sees_what_was_saved_replaced_and_deleted_since_the_last_one()
    {
        var query = new SearchQuery(Tenant, "test-model", [1, 0], "", 10);
        async Task<string> Ids(SqlTrajectoryStore store) => string.Join(',', (await store.SearchAsync(query, default)).Select(h => h.Trajectory.Id));
        await SaveAsync(Embedded(Run("a"), 1, 0));
        Assert.Equal("a", await Ids(Store));

        await SaveAsync(Embedded(Run("b"), 0.9f, 0.1f), Embedded(Run("c"), 0.5f, 0.5f));
        Assert.Equal("a,b,c", await Ids(Store));
        await SaveAsync(Embedded(Run("a"), 0, 1));
        Assert.Equal("b,c,a", await Ids(Store));
        await Store.DeleteAsync(Tenant, "b", default);
        Assert.Equal("c,a", await Ids(Store));
        await Store.DropContentAsync(Tenant, "a", default);
        Assert.Equal("c", await Ids(Store));
    }

    [StoreFact]
    public async Task A_search_sees_what_another_process_has_changed()
    {
        var other = OpenStore(ConnectionString);
        var query = new SearchQuery(Tenant, "test-model", [1, 0], "", 10);
        async Task<string> Ids() => string.Join(',', (await Store.SearchAsync(query, default)).Select(h => h.Trajectory.Id));
        await SaveAsync(Embedded(Run("a"), 1, 0), Embedded(Run("b"), 0.9f, 0.1f));
        Assert.Equal("a,b", await Ids());

        await other.SaveAsync([Embedded(Run("c"), 1, 0.01f), Embedded(Run("b"), 0, 1)], default);
        Assert.Equal("a,c,b", await Ids());
        await other.DeleteAsync(Tenant, "a", default);
        Assert.Equal("c,b", await Ids());
        await SaveAsync(Embedded(Run("d"), 1, 0));
        await other.SaveAsync([Embedded(Run("e"), 1, 0.001f)], default);
        await SaveAsync(Embedded(Run("f"), 1, 0.002f));
        Assert.Equal("d,e,f,c,b", await Ids());
    }

    [StoreFact]
    public async Task Document_frequencies_count_the_lexical_task_vectors_of_the_tenant()
    {
        TrajectoryChange Lexically(string id, params float[] vector) => new() { Trajectory = Run(id), Embeddings = [Lexical(vector), Vector(1, 1, 1), Lexical(vector) with { Kind = "outcome" }] };
        await SaveAsync(Lexically("a", 1, 1, 0), Lexically("b", 1, 0, 0), new TrajectoryChange { Trajectory = Run("x") with { Tenant = "other" }, Embeddings = [Lexical(1, 1, 1)] });
        async Task<string> Frequencies(string tenant)
        {
            var f = await Store.ReadDocumentFrequenciesAsync(tenant, [0, 1, 2, 99, -1], default);
            return $"{f.Documents}: {string.Join(' ', f.Frequencies.OrderBy(x => x.Key).Select(x => x.Value))}";
        }

        Assert.Equal("2: 0 2 1 0 0", await Frequencies(Tenant));
        Assert.Equal("1: 0 1 1 1 0", await Frequencies("other"));
        Assert.Equal("0: 0 0 0 0 0", await Frequencies("nobody"));

        await SaveAsync(Lexically("a", 0, 0, 1));
        Assert.Equal("2: 0 1 0 1 0", await Frequencies(Tenant));
        await Store.DropContentAsync(Tenant, "a", default);
        Assert.Equal("1: 0 1 0 0 0", await Frequencies(Tenant));
        await Store.DeleteAsync(Tenant, "a", default);
        await Store.DeleteAsync(Tenant, "b", default);
        Assert.Equal("0: 0 0 0 0 0", await Frequencies(Tenant));
    }

    [StoreFact]
    public async Task Uses_of_examples_are_counted()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("a") }, new TrajectoryChange { Trajectory = Run("b") }, new TrajectoryChange { Trajectory = Run("x") with { Tenant = "other" } });

        await Store.RecordExampleUsageAsync(Tenant, ["a", "b", "x", "unknown"], Start, default);
        await Store.RecordExampleUsageAsync(Tenant, ["b"], Start.AddHours(1), default);

        var examples = await Store.ListExamplesAsync(Tenant, 10, default);
        Assert.Equal([("b", 2L, Start.AddHours(1)), ("a", 1L, Start)], examples.Select(x => (x.TrajectoryId, x.UsageCount, x.LastUsedAt!.Value)));
        Assert.Equal("Book a flight to Rome", examples[0].TaskDescription);
        Assert.Equal(0.9, examples[0].QualityScore);
        Assert.Empty(await Store.ListExamplesAsync("other", 10, default));
    }

    [StoreFact]
    public async Task An_example_is_pinned_edited_and_retired_without_losing_its_uses()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("a") }, new TrajectoryChange { Trajectory = Run("b") });
        await Store.RecordExampleUsageAsync(Tenant, ["a", "b"], Start, default);
        await Store.RecordExampleUsageAsync(Tenant, ["b"], Start, default);

        Assert.True(await Store.UpdateExampleAsync(Tenant, new FewShotExampleRow("a", "Edited task", null, true, false, """{"steps":[]}""", 0, null), default));
        Assert.False(await Store.UpdateExampleAsync(Tenant, new FewShotExampleRow("unknown", "", null, true, false, null, 0, null), default));
        Assert.False(await Store.UpdateExampleAsync("other", new FewShotExampleRow("a", "", null, true, false, null, 0, null), default));

        var examples = await Store.ListExamplesAsync(Tenant, 10, default);
        Assert.Equal(new FewShotExampleRow("a", "Edited task", 0.9, true, false, """{"steps":[]}""", 1, Start), examples[0]);
        Assert.Single(await Store.ListExamplesAsync(Tenant, 1, default));

        await Store.UpdateExampleAsync(Tenant, examples[0] with { Pinned = false, Retired = true, EditedJson = null }, default);
        var retired = (await Store.ListExamplesAsync(Tenant, 10, default))[1];
        Assert.Equal(("a", false, true, null, 1L), (retired.TrajectoryId, retired.Pinned, retired.Retired, retired.EditedJson, retired.UsageCount));
    }

    [StoreFact]
    public async Task Stated_outcomes_of_tasks_with_an_example_are_counted_beside_its_uses()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("a") }, new TrajectoryChange { Trajectory = Run("b") }, new TrajectoryChange { Trajectory = Run("x") with { Tenant = "other" } });
        await Store.RecordExampleUsageAsync(Tenant, ["a"], Start, default);
        foreach (var success in (bool[])[true, false, true])
        {
            Assert.True(await Store.RecordExampleOutcomeAsync(Tenant, "a", success, default));
        }

        Assert.True(await Store.RecordExampleOutcomeAsync(Tenant, "b", false, default));
        Assert.False(await Store.RecordExampleOutcomeAsync(Tenant, "x", true, default));
        await Store.UpdateExampleAsync(Tenant, (await Store.FindExamplesAsync(Tenant, ["a"], default))[0] with { Pinned = true }, default);

        var rows = (await Store.FindExamplesAsync(Tenant, ["a", "b", "x", "unknown"], default)).OrderBy(r => r.TrajectoryId).ToList();
        Assert.Equal([("a", true, 1L, 2L, 1L), ("b", false, 0L, 0L, 1L)], rows.Select(r => (r.TrajectoryId, r.Pinned, r.UsageCount, r.StatedSuccesses, r.StatedFailures)));
        Assert.Equal(rows[0], (await Store.ListExamplesAsync(Tenant, 10, default))[0]);
    }

    [StoreFact]
    public async Task What_became_of_tasks_is_read_by_arm_and_by_the_examples_that_they_used()
    {
        var gpt = Run("x") with { Provider = "openai", Model = "gpt-4o", Arm = "examples", ExampleIds = ["e1", "e2"], IterationCount = 3, UserInterventions = 1, TokenUsage = new TokenUsage(10, 5, 0, 0, 0), CostUsd = 0.5m };
        await SaveAsync(
            new TrajectoryChange { Trajectory = gpt with { Id = "a", TaskId = "a" } },
            new TrajectoryChange { Trajectory = gpt with { Id = "b", TaskId = "b", Success = false, Status = TrajectoryStatus.Failed, OutcomeSource = OutcomeSource.Agent, CostUsd = null, TokenUsage = null } },
            new TrajectoryChange { Trajectory = gpt with { Id = "c", TaskId = "c", Success = null, OutcomeSource = OutcomeSource.Inferred, SuccessProbability = 0.75, ExampleIds = [] } },
            new TrajectoryChange { Trajectory = gpt with { Id = "d", TaskId = "d", Arm = "holdout", ExampleIds = [], StartedAt = Start.AddDays(1) } },
            new TrajectoryChange { Trajectory = gpt with { Id = "e", TaskId = "e", Arm = null, ExampleIds = ["e1"] } },
            new TrajectoryChange { Trajectory = gpt with { Id = "f", TaskId = "f", Arm = null, ExampleIds = [] } },
            new TrajectoryChange { Trajectory = gpt with { Id = "g", TaskId = "g", Status = TrajectoryStatus.Active } },
            new TrajectoryChange { Trajectory = gpt with { Id = "h", TaskId = "h", Tenant = "other" } });

        var arms = await Store.ReadArmsAsync(Tenant, null, null, null, default);
        Assert.Equal(
            [new ArmStatistics("openai", "gpt-4o", "examples", 3, 2, 1, 9, 3, 30, 1.0m) { Counted = 2, Paid = 2, PaidSuccesses = 1, Verified = 1, Inferred = 1, Probability = 0.75 }, new ArmStatistics("openai", "gpt-4o", "holdout", 1, 1, 1, 3, 1, 15, 0.5m) { Verified = 1 }],
            arms);
        Assert.Equal(["holdout"], (await Store.ReadArmsAsync(Tenant, Start.AddDays(1), null, "gpt-4o", default)).Select(a => a.Arm));
        Assert.Empty(await Store.ReadArmsAsync(Tenant, null, Start, null, default));

        var outcomes = await Store.ReadExampleOutcomesAsync(Tenant, default);
        Assert.Equal(
            ["-: e1 1/1", "examples: e1,e2 1/2", "holdout:  1/1"],
            outcomes.Select(o => $"{o.Arm ?? "-"}: {string.Join(',', o.ExampleIds)} {o.Successful}/{o.Judged}").Order(StringComparer.Ordinal));
    }

    [StoreFact]
    public async Task Only_runs_with_content_that_are_not_retired_may_stand_in_a_prompt()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("good") }, new TrajectoryChange { Trajectory = Run("retired") }, new TrajectoryChange { Trajectory = Run("dropped") }, new TrajectoryChange { Trajectory = Run("deleted") });
        await Store.UpdateExampleAsync(Tenant, new FewShotExampleRow("retired", "", null, false, true, null, 0, null), default);
        await Store.DropContentAsync(Tenant, "dropped", default);
        await Store.DeleteAsync(Tenant, "deleted", default);

        Assert.Equal(["good"], await Store.FindUsableExamplesAsync(Tenant, ["good", "retired", "dropped", "deleted", "unknown"], [], default));
    }
}
