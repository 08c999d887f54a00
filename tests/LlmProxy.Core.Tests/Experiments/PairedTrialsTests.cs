using LlmProxy.Core.Experiments;

namespace LlmProxy.Tests.Experiments;

/// <summary>Intervals of an evaluation whose arms run the same tasks.</summary>
public sealed class PairedTrialsTests
{
    [Theory]
    [InlineData(20, 1)]
    [InlineData(20, 5)]
    [InlineData(60, 1)]
    [InlineData(8, 3)]
    public void Intervals_hold_the_planted_values_as_often_as_they_claim(int tasks, int repeats)
    {
        // Tasks differ in difficulty, so the runs of one resemble each other in both arms.
        var random = new Random(5);
        const int Trials = 2000;
        var (rates, differences, wide) = (0, 0, 0.0);
        for (var trial = 0; trial < Trials; trial++)
        {
            var difficulty = Enumerable.Range(0, tasks).Select(_ => random.NextDouble() * 0.7).ToList();
            var (with, without) = (Draw(0.25), Draw(0));
            rates += Holds(PairedTrials.SuccessRate(without)!, 0.35);
            var difference = PairedTrials.SuccessDifference(with, without)!;
            differences += Holds(difference, 0.25);
            wide += difference.High!.Value - difference.Low!.Value;

            List<IReadOnlyList<bool>> Draw(double more) => difficulty.ConvertAll(p => (IReadOnlyList<bool>)[.. Enumerable.Range(0, repeats).Select(_ => random.NextDouble() < p + more)]);
        }

        Assert.InRange(rates / (double)Trials, 0.86, 0.98);
        Assert.InRange(differences / (double)Trials, 0.86, 0.98);
        Assert.InRange(wide / Trials, 0.05, 0.9);

        static int Holds(Estimate estimate, double value) => estimate.Low <= value && value <= estimate.High ? 1 : 0;
    }

    [Fact]
    public void Pairing_narrows_the_interval_of_arms_that_fail_on_the_same_tasks()
    {
        var hard = Tasks(Enumerable.Range(0, 40).Select(i => i < 20));
        var harder = Tasks(Enumerable.Range(0, 40).Select(i => i < 16));
        var elsewhere = Tasks(Enumerable.Range(0, 40).Select(i => i >= 24));

        var paired = PairedTrials.SuccessDifference(hard, harder)!;
        var opposed = PairedTrials.SuccessDifference(hard, elsewhere)!;

        Assert.Equal((0.1, 0.1), (paired.Value, opposed.Value), (a, b) => Math.Abs(a.Item1 - b.Item1) < 1e-9 && Math.Abs(a.Item2 - b.Item2) < 1e-9);
        Assert.True(paired.Low > 0, $"{paired}");
        Assert.True(opposed.High - opposed.Low > 2 * (paired.High - paired.Low), $"{paired} {opposed}");
    }

    [Fact]
    public void Arms_that_ended_alike_are_not_certain_and_missing_runs_leave_their_pair_out()
    {
        var all = Tasks(Enumerable.Repeat(true, 5));
        IReadOnlyList<IReadOnlyList<bool>> one = [[true], [], [], [], []];

        var same = PairedTrials.SuccessDifference(all, all)!;

        Assert.Equal(0, same.Value);
        Assert.InRange(same.High!.Value, 0.2, 0.6);
        Assert.Equal(-same.High, same.Low);
        Assert.Equal(PairedTrials.SuccessDifference([[true]], [[true]]), PairedTrials.SuccessDifference(all, one));
        Assert.Null(PairedTrials.SuccessDifference([], []));
        Assert.Null(PairedTrials.SuccessRate([[], []]));
    }

    [Fact]
    public void Mean_differences_have_an_interval_from_two_tasks_on()
    {
        Assert.Null(PairedTrials.MeanDifference([]));
        Assert.Equal(new Estimate(3, null, null), PairedTrials.MeanDifference([3]));
        var estimate = PairedTrials.MeanDifference([.. Enumerable.Range(0, 100).Select(i => (double)(i % 10))])!;
        Assert.Equal(4.5, estimate.Value, 9);

        // Standard error 2.87 / 10; 1.645 of them to each side.
        Assert.InRange(estimate.Low!.Value, 3.95, 4.15);
        Assert.InRange(estimate.High!.Value, 4.85, 5.05);
        Assert.Equal(estimate, PairedTrials.MeanDifference([.. Enumerable.Range(0, 100).Select(i => (double)(i % 10))]));
    }

    private static IReadOnlyList<IReadOnlyList<bool>> Tasks(IEnumerable<bool> outcomes) => [.. outcomes.Select(o => (IReadOnlyList<bool>)[o])];
}
