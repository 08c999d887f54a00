using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Retrieval;

public sealed class ExampleSearchTests : IDisposable
{
    private const string Task1 = "Download the March invoice from the vendor portal and save it to the Invoices folder";
    private const string Query = "Get the April invoice from the supplier portal and put it into the invoices folder";

    private readonly InMemoryStore _store = new();
    private readonly EmbeddingService _embeddings = new(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical });
    private readonly FakeLogger<ExampleSearch> _log = new();

    public void Dispose() => _embeddings.Dispose();

    [Fact]
    public async Task A_similar_run_is_chosen_and_an_unrelated_one_is_below_the_threshold()
    {
        _store.AddLexical(TestRuns.Run("invoice", Task1));
        _store.AddLexical(TestRuns.Run("parser", "Fix the failing unit test in the parser"));

        var found = await FindAsync(new ExampleQuery("default", Query, 3));

        Assert.Equal(["invoice"], Ids(found));
        Assert.Equal([("parser", "below-threshold")], Reasons(found));
        Assert.Equal(LexicalEmbedder.DefaultMinSimilarity, found.Threshold);
        Assert.Equal(found.Chosen[0].Similarity, found.Best);
        Assert.Equal("lexical-1", found.Embedder);
        var line = Assert.Single(_log.Collector.GetSnapshot());
        Assert.Equal((2001, LogLevel.Information, "Found 1 similar trajectories (similarity >= 0.4)"), (line.Id.Id, line.Level, line.Message));
    }

    [Fact]
    public async Task The_filters_are_in_the_query_and_other_tenants_are_never_seen()
    {
        _store.AddLexical(TestRuns.Run("mine", Task1));
        _store.AddLexical(TestRuns.Run("theirs", Task1) with { Tenant = "other" });

        var found = await FindAsync(new ExampleQuery("default", Query, 3) { Providers = ["anthropic"] }, withReasons: true);

        Assert.Equal(["mine"], Ids(found));
        Assert.Empty(found.LeftOut);
        Assert.Equal((true, 0.7, "anthropic"), (_store.Searches[0].SuccessOnly, _store.Searches[0].MinQuality, _store.Searches[0].Providers[0]));
        Assert.All(_store.Searches, s => Assert.Equal("default", s.Tenant));
    }

    [Fact]
    public async Task Runs_that_the_filters_kept_out_are_named_with_the_reason_when_asked_for()
    {
        _store.AddLexical(TestRuns.Run("good", Task1));
        _store.AddLexical(TestRuns.Run("poor", Task1 + " now") with { QualityScore = 0.5 });
        _store.AddLexical(TestRuns.Run("failed", Task1 + " today") with { Success = false, QualityScore = null });
        _store.AddLexical(TestRuns.Run("gpt", Task1 + " please") with { Provider = "openai" });
        _store.AddLexical(TestRuns.Run("active", Task1 + " soon") with { Status = TrajectoryStatus.Active });
        _store.AddLexical(TestRuns.Run("cancelled", Task1 + " then") with { Status = TrajectoryStatus.Cancelled });
        _store.AddLexical(TestRuns.Run("short", Task1 + " once") with { HasContent = false });
        _store.AddLexical(TestRuns.Run("retired", Task1 + " here"));
        _store.Retired.Add("retired");
        var query = new ExampleQuery("default", Query, 3) { Providers = ["anthropic"] };

        var plain = await FindAsync(query);
        var reasoned = await FindAsync(query, withReasons: true);

        Assert.Empty(plain.LeftOut);
        Assert.Equal(Ids(plain), Ids(reasoned));
        Assert.Equal([("active", "not-ended"), ("cancelled", "cancelled"), ("failed", "not-successful"), ("gpt", "provider"), ("poor", "quality"), ("retired", "retired"), ("short", "no-content")], Reasons(reasoned));
    }

    [Fact]
    public async Task Failed_runs_can_be_asked_for()
    {
        _store.AddLexical(TestRuns.Run("failed", Task1) with { Success = false, QualityScore = null });

        Assert.Equal(["failed"], Ids(await FindAsync(new ExampleQuery("default", Query, 3) { SuccessOnly = false })));
    }

    [Fact]
    public async Task The_tasks_own_run_is_no_example_of_itself()
    {
        _store.AddLexical(TestRuns.Run("own", Task1));

        var found = await FindAsync(new ExampleQuery("default", Task1, 3) { ExceptTaskId = "task-own" }, withReasons: true);

        Assert.Empty(found.Chosen);
        Assert.Empty(found.LeftOut);
        Assert.Null(found.Best);
    }

    [Fact]
    public async Task Runs_of_one_task_count_once_and_the_stated_outcome_stands_for_them()
    {
        _store.AddLexical(TestRuns.Run("idle", Task1) with { Success = null, SuccessProbability = 0.9, OutcomeSource = OutcomeSource.Inferred, QualityScore = 1 });
        _store.AddLexical(TestRuns.Run("stated", Task1 + ", please.") with { OutcomeSource = OutcomeSource.Api, QualityScore = 0.8 });

        var found = await FindAsync(new ExampleQuery("default", Query, 3));

        Assert.Equal(["stated"], Ids(found));
        Assert.Equal([("idle", "near-duplicate")], Reasons(found));
    }

    [Fact]
    public async Task At_similar_rank_a_stated_outcome_comes_before_an_idle_one()
    {
        _store.AddLexical(TestRuns.Run("idle", "Get the April invoice from the supplier portal and put it in the folder of bills") with { Success = null, SuccessProbability = 0.9, OutcomeSource = OutcomeSource.Inferred });
        _store.AddLexical(TestRuns.Run("stated", "Get the May invoice from the supplier portal, put it into the folder of letters") with { OutcomeSource = OutcomeSource.Agent });

        Assert.Equal("stated", Ids(await FindAsync(new ExampleQuery("default", Query, 1)))[0]);
    }

    [Fact]
    public async Task A_run_whose_decisive_tools_are_not_offered_is_left_out()
    {
        _store.AddLexical(TestRuns.Run("shell", Task1, "read_file", "bash"));
        _store.AddLexical(TestRuns.Run("desktop", Task1 + " of the team", "computer_screenshot", "computer_click_mouse"));
        _store.AddLexical(TestRuns.Run("talk", "Get the invoice of June from the portal of the supplier into the invoices folder"));

        var found = await FindAsync(new ExampleQuery("default", Query, 3) { OfferedTools = ["mcp__desktop__computerClickMouse", "read_file"] });

        Assert.Equal(["desktop", "talk"], Ids(found).Order());
        Assert.Equal([("shell", "tools")], Reasons(found));
    }

    [Fact]
    public async Task A_run_with_few_of_the_offered_tools_comes_after_those_that_fit()
    {
        _store.AddLexical(TestRuns.Run("half", Query + " now", "bash", "edit", "click"));
        _store.AddLexical(TestRuns.Run("fits", Task1, "click"));

        Assert.Equal(["fits", "half"], Ids(await FindAsync(new ExampleQuery("default", Query, 3) { OfferedTools = ["click"] })));
        Assert.Equal(["half", "fits"], Ids(await FindAsync(new ExampleQuery("default", Query, 3))));
    }

    [Fact]
    public async Task Of_equally_near_runs_the_one_that_turned_out_to_be_about_the_task_comes_first()
    {
        _store.AddLexical(TestRuns.Run("a-refund", "Question of a customer: her flight on the first of May", "get_booking", "send_certificate"));
        _store.AddLexical(TestRuns.Run("b-cancel", "Question of a customer: his hotel booking in Juneau", "get_booking", "cancelReservation"));

        Assert.Equal(["b-cancel", "a-refund"], Ids(await FindAsync(new ExampleQuery("default", "Question of a customer, who wants to cancel the reservation", 2) { MinSimilarity = 0.1 })));
        Assert.Equal(["a-refund", "b-cancel"], Ids(await FindAsync(new ExampleQuery("default", "Question of a customer, who wants a certificate sent", 2) { MinSimilarity = 0.1 })));
    }

    [Theory]
    [InlineData(ToolMatch.Prefer, "fits half", "none")]
    [InlineData(ToolMatch.Require, "fits", "half none")]
    [InlineData(ToolMatch.Ignore, "half fits none", "")]
    public async Task ToolMatch_decides_whether_runs_with_tools_that_are_not_offered_are_used(ToolMatch toolMatch, string chosen, string leftOut)
    {
        _store.AddLexical(TestRuns.Run("half", Query + " now", "bash", "edit", "click"));
        _store.AddLexical(TestRuns.Run("none", Task1 + " to read it", "bash"));
        _store.AddLexical(TestRuns.Run("fits", "Download some invoice from the portal to the folder", "click"));

        var found = await FindAsync(new ExampleQuery("default", Query, 3) { OfferedTools = ["click"] }, options: new FewShotOptions { ToolMatch = toolMatch });

        Assert.Equal(chosen, string.Join(' ', Ids(found)));
        Assert.Equal(leftOut, string.Join(' ', Reasons(found).Select(r => r.Item1)));
        Assert.All(Reasons(found), r => Assert.Equal("tools", r.Item2));
    }

    [Fact]
    public async Task Among_equally_good_runs_the_chosen_ones_differ()
    {
        _store.AddLexical(TestRuns.Run("a", "Cancel the flight of Anna Berger and refund her credit card"));
        _store.AddLexical(TestRuns.Run("b", "Cancel the flight of Anna Meier and refund her credit card"));
        _store.AddLexical(TestRuns.Run("c", "Cancel a flight booking and refund it as travel voucher"));

        var found = await FindAsync(new ExampleQuery("default", "Cancel the flight of Anna Berger and refund her credit card today", 2) { MinSimilarity = 0.1 });

        Assert.Equal(["a", "c"], Ids(found));
        Assert.Equal([("b", "near-duplicate")], Reasons(found));
    }

    [Fact]
    public async Task A_full_text_hit_without_a_vector_of_the_model_is_no_example()
    {
        _store.Add(TestRuns.Run("bare", Task1));

        Assert.Equal([("bare", "no-vector")], Reasons(await FindAsync(new ExampleQuery("default", Query, 3))));
    }

    [Fact]
    public async Task A_run_without_content_is_no_example()
    {
        _store.AddLexical(TestRuns.Run("metrics", Task1) with { HasContent = false });

        Assert.Equal([("metrics", "no-content")], Reasons(await FindAsync(new ExampleQuery("default", Query, 3), withReasons: true)));
    }

    [Fact]
    public async Task The_query_and_then_the_setting_state_the_threshold()
    {
        _store.AddLexical(TestRuns.Run("invoice", Task1));
        var options = new FewShotOptions { MinSimilarity = 0.99 };

        Assert.Equal(0.99, (await FindAsync(new ExampleQuery("default", Query, 3), options: options)).Threshold);
        Assert.Equal(["invoice"], Ids(await FindAsync(new ExampleQuery("default", Query, 3) { MinSimilarity = 0.2 }, options: options)));
    }

    [Fact]
    public async Task The_fallback_searches_lexical_vectors_with_its_own_threshold()
    {
        _store.AddLexical(TestRuns.Run("invoice", Task1));
        using var remote = EmbeddingServiceTests.Remote(new EmbeddingServiceTests.ScriptedEmbedder(_ => throw new InvalidOperationException("down")));

        var found = await FindAsync(new ExampleQuery("default", Query, 3), embeddings: remote, options: new FewShotOptions { MinSimilarity = 0.9 });

        Assert.Equal(["invoice"], Ids(found));
        Assert.Equal(("lexical-1", LexicalEmbedder.DefaultMinSimilarity), (found.Embedder, found.Threshold));
    }

    [Fact]
    public async Task A_remote_embedder_sees_only_runs_with_its_vectors()
    {
        _store.Add(TestRuns.Run("near", Task1), new TrajectoryEmbedding("remote", "task", [1, 0], Task1));
        _store.Add(TestRuns.Run("far", Task1 + " again"), new TrajectoryEmbedding("remote", "task", [0, 1], Task1));
        _store.AddLexical(TestRuns.Run("lexical", Task1 + " today"));
        using var remote = EmbeddingServiceTests.Remote(new EmbeddingServiceTests.ScriptedEmbedder(_ => Task.FromResult(new GeneratedEmbeddings<Embedding<float>>([new Embedding<float>(new[] { 1f, 0f })]))));

        var found = await FindAsync(new ExampleQuery("default", Query, 3), embeddings: remote);

        Assert.Equal(["near"], Ids(found));
        Assert.Equal([("far", "below-threshold"), ("lexical", "no-vector")], Reasons(found));
        Assert.Equal((0.7, "remote"), (found.Threshold, found.Embedder));
    }

    [Fact]
    public async Task While_a_store_is_moved_to_another_model_runs_without_its_vector_are_found_by_their_lexical_one()
    {
        _store.AddLexical(TestRuns.Run("not-yet", Task1));
        using var remote = EmbeddingServiceTests.Remote(new EmbeddingServiceTests.ScriptedEmbedder(_ => Task.FromResult(new GeneratedEmbeddings<Embedding<float>>([new Embedding<float>(new[] { 1f, 0f })]))));

        var found = await FindAsync(new ExampleQuery("default", Query, 3), embeddings: remote);

        Assert.Equal(["not-yet"], Ids(found));
        Assert.Equal((LexicalEmbedder.DefaultMinSimilarity, "lexical-1"), (found.Threshold, found.Embedder));
    }

    [Fact]
    public async Task Without_a_task_nothing_is_asked_of_the_store()
    {
        Assert.Empty((await FindAsync(new ExampleQuery("default", " \n", 3))).Chosen);
        Assert.Empty(_store.Searches);
    }

    [Fact]
    public async Task No_log_line_holds_the_task()
    {
        _store.AddLexical(TestRuns.Run("invoice", Task1));
        await FindAsync(new ExampleQuery("default", Query, 3), withReasons: true);

        Assert.DoesNotContain("invoice", _log.Collector.Text(), StringComparison.Ordinal);
    }

    private Task<ExampleSearchResult> FindAsync(ExampleQuery query, bool withReasons = false, FewShotOptions? options = null, EmbeddingService? embeddings = null) =>
        new ExampleSearch(_store, _store, embeddings ?? _embeddings, options ?? new FewShotOptions(), new QualityOptions(), _log).FindAsync(query, withReasons, default);

    private static List<string> Ids(ExampleSearchResult found) => [.. found.Chosen.Select(c => c.Trajectory.Id)];

    private static List<(string, string)> Reasons(ExampleSearchResult found) => [.. found.LeftOut.Select(l => (l.Trajectory.Id, l.Reason.ToWord())).Order()];
}
