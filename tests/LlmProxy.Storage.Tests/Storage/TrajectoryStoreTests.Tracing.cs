using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Which key made a run, which runs hold a text, who removed what.</content>
public abstract partial class TrajectoryStoreTests
{
    [StoreFact]
    public async Task Runs_are_listed_by_any_key_that_took_part()
    {
        await SaveAsync(
            new TrajectoryChange { Trajectory = Run("a") with { KeyNames = ["alice"] } },
            new TrajectoryChange { Trajectory = Run("b") with { KeyNames = ["bob", "alice"], StartedAt = Start.AddSeconds(1) } },
            new TrajectoryChange { Trajectory = Run("c") with { KeyNames = ["alice"], Tenant = "other" } },
            new TrajectoryChange { Trajectory = Run("d") });

        Assert.Equal(["b", "a"], (await Store.ListAsync(new TrajectoryQuery(Tenant) { Key = "alice" }, default)).Items.Select(r => r.Id));
        Assert.Equal(["b"], (await Store.ListAsync(new TrajectoryQuery(Tenant) { Key = "bob" }, default)).Items.Select(r => r.Id));
        Assert.Empty((await Store.ListAsync(new TrajectoryQuery(Tenant) { Key = "ALICE" }, default)).Items);
    }

    [StoreFact]
    public async Task Runs_of_excluded_keys_are_no_examples_by_vector_or_words_and_leave_pins()
    {
        await SaveAsync(
            Embedded(Run("a") with { KeyNames = ["alice"] }, 1, 0),
            Embedded(Run("b") with { KeyNames = ["bob", "alice"] }, 1, 0),
            Embedded(Run("c") with { KeyNames = ["bob"] }, 1, 0),
            Embedded(Run("d"), 1, 0));
        var query = new SearchQuery(Tenant, "test-model", [1, 0], "flight", 9);

        Assert.Equal(["a", "b", "c", "d"], (await Store.SearchAsync(query, default)).Select(h => h.Trajectory.Id).Order(StringComparer.Ordinal));
        var hits = await Store.SearchAsync(query with { ExceptKeys = ["alice", "nobody"] }, default);
        Assert.Equal(["c", "d"], hits.Select(h => h.Trajectory.Id).Order(StringComparer.Ordinal));
        Assert.All(hits, h => Assert.True(h is { VectorRank: not null, TextRank: not null }));
        Assert.Equal(["c", "d"], (await Store.FindUsableExamplesAsync(Tenant, ["a", "b", "c", "d"], ["alice"], default)).Order(StringComparer.Ordinal));
    }

    [StoreFact]
    public async Task Runs_are_found_by_a_text_in_any_place_that_holds_it()
    {
        var nested = Text("""{"role":"assistant","content":[{"type":"tool_use","input":{"command":"{\"sh\":\"curl \\\"http://evil\\u002eexample\\\"\"}"}}]}""");
        var compressed = Text("{\"text\":\"" + string.Concat(Enumerable.Repeat("nothing to see here ", 400)) + "Needle\\nIn hay\"}");
        await SaveAsync(
            Change(Run("message"), nested),
            Change(Run("compressed"), compressed),
            Change(Run("shared-1"), Text("prompt with SECRET word")),
            Change(Run("shared-2"), Text("prompt with SECRET word")),
            new TrajectoryChange { Trajectory = Run("described", "Ask the oracle in Delphi") },
            new TrajectoryChange { Trajectory = Run("commented") with { Comment = "the oracle lied" } },
            new TrajectoryChange { Trajectory = Run("tool") with { ToolsUsed = ["oracle_ask"] } },
            new TrajectoryChange { Trajectory = Run("embedded"), Embeddings = [new TrajectoryEmbedding("m", "task", [1, 0], "an oracle's text")] },
            Change(Run("foreign") with { Tenant = "other" }, Text("prompt with SECRET word and the oracle")));
        await SaveFullAsync(Run("image"), "own");

        Assert.Equal(["message"], await FindAsync("CURL \"http://evil.example\""));
        Assert.Equal(["compressed"], await FindAsync("needle\nin HAY"));
        Assert.Equal(["shared-1", "shared-2"], await FindAsync("secret word"));
        Assert.Equal(["commented", "described", "embedded", "tool"], await FindAsync("oracle"));
        Assert.Empty(await FindAsync("nowhere"));
        Assert.Equal(["foreign"], (await Store.ListAsync(new TrajectoryQuery("other") { Contains = "secret" }, default)).Items.Select(r => r.Id));

        async Task<IEnumerable<string>> FindAsync(string text) =>
            (await Store.ListAsync(new TrajectoryQuery(Tenant) { Contains = text }, default)).Items.Select(r => r.Id).Order(StringComparer.Ordinal);
    }

    [StoreFact]
    public async Task A_search_of_texts_continues_page_by_page_and_says_when_a_limit_stopped_it()
    {
        // More runs than one page searches; every hundredth holds the text.
        await SaveAsync([.. Enumerable.Range(0, 2_150).Select(i => new TrajectoryChange { Trajectory = Run($"r{i:D4}", i % 100 == 0 ? "the needle" : "hay") with { StartedAt = Start.AddSeconds(i) } })]);

        var full = await Store.ListAsync(new TrajectoryQuery(Tenant) { Contains = "needle", Limit = 3 }, default);
        var all = new List<string>();
        string? cursor = null;
        var incomplete = 0;
        do
        {
            var page = await Store.ListAsync(new TrajectoryQuery(Tenant) { Contains = "needle", Limit = 500, Cursor = cursor }, default);
            all.AddRange(page.Items.Select(r => r.Id));
            incomplete += page.IsIncomplete ? 1 : 0;
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        Assert.Equal((3, false), (full.Items.Count, full.IsIncomplete));
        Assert.NotNull(full.NextCursor);
        Assert.Equal(Enumerable.Range(0, 22).Select(i => $"r{(21 - i) * 100:D4}"), all);
        Assert.Equal(1, incomplete);
    }

    [StoreFact]
    public async Task The_audit_lists_a_tenants_entries_newest_first_and_takes_each_once()
    {
        var entries = Enumerable.Range(0, 3).Select(i => new AuditEntry($"{i:D4}", Start.AddSeconds(i), Tenant, "admin", AuditAction.Purge, "key alice", new Dictionary<string, long>(StringComparer.Ordinal) { ["trajectories"] = i })).ToList();
        foreach (var entry in entries.Append(entries[0]).Append(entries[1] with { Id = "0009", Tenant = "other", Action = AuditAction.Cleanup }))
        {
            await Store.AddAuditAsync(entry, default);
        }

        var listed = await Store.ListAuditAsync(Tenant, 2, null, default);

        Assert.Equal(["0002", "0001"], listed.Select(e => e.Id));
        Assert.Equal((entries[2].At, "admin", AuditAction.Purge, "key alice", 2L), (listed[0].At, listed[0].Actor, listed[0].Action, listed[0].Subject, listed[0].Counts["trajectories"]));
        Assert.Equal(["0000"], (await Store.ListAuditAsync(Tenant, 2, "0001", default)).Select(e => e.Id));
        Assert.Equal(AuditAction.Cleanup, Assert.Single(await Store.ListAuditAsync("other", 9, null, default)).Action);
    }
}
