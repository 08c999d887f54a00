using LlmProxy.Core.Outcomes;

namespace LlmProxy.Tests.Outcomes;

/// <summary>Fitting and measuring on traffic whose true probabilities are known.</summary>
public sealed class PlantedOutcomeTests
{
    private const int Count = 3000;

    [Fact]
    public void A_fit_on_planted_traffic_ranks_nearly_as_well_as_the_truth_and_is_calibrated()
    {
        var (values, succeeded, truth) = Plant(seed: 7);
        var half = Count / 2;

        var model = OutcomeFit.Fit(values[..half], succeeded[..half], DateTimeOffset.UnixEpoch);

        var best = OutcomeQuality.AucOf(Rows(truth[half..], succeeded[half..]))!.Value;
        var fitted = OutcomeQuality.Of(Rows(Probabilities(model, values[half..]), succeeded[half..]), 0.6);
        Assert.True(fitted.Auc > best - 0.02, $"{fitted.Auc} against {best}");
        Assert.InRange(fitted.CalibrationError, 0, 0.05);
        Assert.True(fitted.Precision > fitted.BaseRate + 0.1, $"{fitted.Precision} against {fitted.BaseRate}");
        Assert.Equal(half, model.FittedOn);
    }

    [Fact]
    public void Values_that_have_nothing_to_do_with_the_outcome_rank_at_random()
    {
        var (values, succeeded, _) = Plant(seed: 7);
        new Random(3).Shuffle(values);

        var model = OutcomeFit.Fit(values[..(Count / 2)], succeeded[..(Count / 2)], DateTimeOffset.UnixEpoch);

        Assert.InRange(OutcomeQuality.AucOf(Rows(Probabilities(model, values[(Count / 2)..]), succeeded[(Count / 2)..]))!.Value, 0.45, 0.55);
    }

    [Fact]
    public void No_weight_turns_against_its_signal()
    {
        var (values, succeeded, _) = Plant(seed: 7);

        var model = OutcomeFit.Fit(values, [.. succeeded.Select(s => !s)], DateTimeOffset.UnixEpoch);

        Assert.All(model.Weights.Values, weight => Assert.True(weight >= 0));
    }

    [Fact]
    public void The_area_under_the_curve_shares_ranks_among_equals()
    {
        Assert.Equal(1, OutcomeQuality.AucOf([(0.9, true, "a"), (0.1, false, "b")]));
        Assert.Equal(0.5, OutcomeQuality.AucOf([(0.5, true, "a"), (0.5, false, "b"), (0.5, false, "c")]));
        Assert.Equal(0.75, OutcomeQuality.AucOf([(0.9, true, "a"), (0.5, true, "b"), (0.5, false, "c"), (0.6, false, "d")])!.Value, 0.126);
        Assert.Null(OutcomeQuality.AucOf([(0.9, true, "a")]));
    }

    [Fact]
    public void The_calibration_curve_rises_and_claims_no_certainty()
    {
        var (values, succeeded, _) = Plant(seed: 11);

        var curve = OutcomeFit.Fit(values[..60], succeeded[..60], DateTimeOffset.UnixEpoch).Calibration;

        Assert.Equal(curve.Select(p => p.Observed).Order(), curve.Select(p => p.Observed));
        Assert.All(curve, point => Assert.InRange(point.Observed, 0.02, 0.98));
    }

    /// <summary>Runs of three models whose success depends on what the signals see, and on how hard the task is.</summary>
    private static (double[][] Values, bool[] Succeeded, double[] Truth) Plant(int seed)
    {
        var random = new Random(seed);
        var names = OutcomeEstimator.Signals.Select(s => s.Name).ToList();
        double[] strength = [.. names.Select(name => name switch { "verification" => 1.0, "near_successes" => 1.2, "similar_tasks" => 3.0, "trouble" => 4.0, "next_turn" => 0.8, _ => 0.2 })];
        var values = new double[Count][];
        var (succeeded, truth) = (new bool[Count], new double[Count]);
        for (var i = 0; i < Count; i++)
        {
            values[i] = [.. names.Select(name => name switch
            {
                "verification" => random.Next(3) switch { 0 => 1.2, 1 => -2, _ => 0 },
                "next_turn" => random.Next(4) switch { 0 => -1.5, 1 => 1, _ => 0 },
                "trouble" => -random.NextDouble() * 0.5,
                "similar_tasks" => random.NextDouble() - 0.5,
                _ => -random.NextDouble(),
            })];
            var logOdds = (0.4 * (i % 3)) + values[i].Zip(strength, (v, s) => v * s).Sum();
            truth[i] = 1 / (1 + Math.Exp(-logOdds));
            succeeded[i] = random.NextDouble() < truth[i];
        }

        return (values, succeeded, truth);
    }

    private static double[] Probabilities(OutcomeModel model, double[][] values) =>
        [.. values.Select(row => model.Probability(model.Intercept + OutcomeEstimator.Signals.Select((s, k) => model.Weights[s.Name] * row[k]).Sum()))];

    private static List<(double Probability, bool Succeeded, string Group)> Rows(double[] probabilities, bool[] succeeded) =>
        [.. probabilities.Select((p, i) => (p, succeeded[i], $"task-{i}"))];
}
