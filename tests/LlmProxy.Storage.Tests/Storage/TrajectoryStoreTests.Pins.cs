using LlmProxy.Core.Retrieval;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Pinned prompts and template sets.</content>
public abstract partial class TrajectoryStoreTests
{
    [StoreFact]
    public async Task The_first_pin_of_a_task_stays()
    {
        Assert.Null(await Store.FindPinAsync(Tenant, "task-1", default));

        var first = await Store.PinAsync(Pin("task-1", 1), default);
        var second = await Store.PinAsync(Pin("task-1", 2), default);
        var other = await Store.PinAsync(Pin("task-1", 3, "other"), default);

        Assert.Equal((1, 1, 3), (first.Result.Injected, second.Result.Injected, other.Result.Injected));
        var found = await Store.FindPinAsync(Tenant, "task-1", default);
        Assert.Equal(["run-1"], found!.ExampleIds);
        Assert.Equal(Pin("task-1", 1) with { ExampleIds = [] }, found with { ExampleIds = [] });
    }

    [StoreFact]
    public async Task A_template_set_is_kept_by_its_hash()
    {
        await Store.SaveTemplateSetAsync("h1", new Dictionary<string, string>(StringComparer.Ordinal) { ["openai.sbn"] = "{{ system.text }} ü", ["few-shot.sbn"] = "" }, default);
        await Store.SaveTemplateSetAsync("h1", new Dictionary<string, string>(StringComparer.Ordinal) { ["openai.sbn"] = "other" }, default);

        var files = await Store.FindTemplateSetAsync("h1", default);

        Assert.Equal("{{ system.text }} ü", files!["openai.sbn"]);
        Assert.Equal(2, files.Count);
        Assert.Null(await Store.FindTemplateSetAsync("h2", default));
    }

    [StoreFact]
    public async Task The_result_of_a_pin_is_kept_with_its_reason_and_its_best_similarity()
    {
        FewShotResult[] results = [new(2), FewShotResult.None(SkipReason.NoRuns), FewShotResult.None(SkipReason.BelowThreshold, 0.57)];
        foreach (var (number, result) in results.Index())
        {
            await Store.PinAsync(Pin($"task-{number}") with { Result = result }, default);
        }

        foreach (var (number, result) in results.Index())
        {
            Assert.Equal(result, (await Store.FindPinAsync(Tenant, $"task-{number}", default))!.Result);
        }
    }

    [StoreFact]
    public async Task A_result_that_a_newer_version_wrote_leaves_the_pin_readable()
    {
        await Store.PinAsync(Pin("task-1"), default);
        await RunScriptAsync(ConnectionString, "UPDATE prompt_pin SET result = 'none; reason=of-a-newer-version'");

        var pin = await Store.FindPinAsync(Tenant, "task-1", default);

        Assert.Equal((Pin("task-1").ValuesJson, FewShotResult.None(SkipReason.UnreadablePin)), (pin!.ValuesJson, pin.Result));
    }
}
