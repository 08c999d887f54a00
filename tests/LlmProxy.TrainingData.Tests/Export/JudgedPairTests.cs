using LlmProxy.Core.Assistants;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData;
using static LlmProxy.Tests.Export.ExportLab;

namespace LlmProxy.Tests.Export;

/// <summary>What a judge's comparison means for a pair of training data.</summary>
public sealed class JudgedPairTests
{
    [Theory]
    [InlineData(OutcomeSource.Api, null, "facts", null)]
    [InlineData(OutcomeSource.Api, 1, "facts+comparison", null)]
    [InlineData(OutcomeSource.Api, 0, null, "pairs left out: the judge's comparison does not agree")]
    [InlineData(OutcomeSource.Api, -1, null, "pairs left out: the judge's comparison does not agree")]
    [InlineData(OutcomeSource.Judge, 1, "rubric+comparison", null)]
    [InlineData(OutcomeSource.Judge, 0, null, "pairs left out: the judge's comparison does not agree")]
    [InlineData(OutcomeSource.Judge, null, null, "pairs left out: a judged outcome that no comparison confirms")]
    public async Task A_pair_is_taken_if_facts_or_rubric_and_the_comparison_agree(OutcomeSource source, int? preference, string? origin, string? note)
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("good", "Book a flight to Rome") with { OutcomeSource = source }, "Booked.");
        await lab.SaveAnswerAsync(Run("bad", "Book a flight to Rome", success: false, minute: 1), "I cannot.");
        if (preference is { } prefers)
        {
            await ((IJudgementStore)lab.Store).SaveJudgementsAsync("default", [Compared("good", "bad", prefers)], default);
        }

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAiDpo));

        Assert.Equal(origin is null ? [] : [origin], lines.Select(l => l.Origin.Pair!.Origin));
        Assert.Equal(note is not null, note is not null && summary.Notes.ContainsKey(note));
    }

    [Fact]
    public async Task The_latest_comparison_counts_and_that_of_another_tenant_does_not()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("good", "Book a flight to Rome"), "Booked.");
        await lab.SaveAnswerAsync(Run("bad", "Book a flight to Rome", success: false, minute: 1), "I cannot.");
        var judgements = (IJudgementStore)lab.Store;
        await judgements.SaveJudgementsAsync("default", [Compared("good", "bad", -1), Compared("good", "bad", 1) with { Key = "later", ContentHash = "later", At = Start.AddHours(3) }], default);
        await judgements.SaveJudgementsAsync("other", [Compared("good", "bad", -1) with { Key = "foreign", ContentHash = "foreign", At = Start.AddHours(4) }], default);

        var line = Assert.Single((await lab.ExportAsync(new ExportRequest("default", ExportFormat.TrlDpo))).Lines);

        Assert.Equal("facts+comparison", line.Origin.Pair!.Origin);
    }

    private static StoredJudgement Compared(string trajectory, string other, int preference) => new()
    {
        Key = "comparison/" + trajectory,
        TrajectoryId = trajectory,
        Kind = AssistanceKind.Comparison,
        Model = "judge",
        RubricVersion = JudgeRubric.Version,
        ContentHash = "first",
        Peers = [new ComparedPeer(other, preference)],
        At = Start.AddHours(2),
    };
}
