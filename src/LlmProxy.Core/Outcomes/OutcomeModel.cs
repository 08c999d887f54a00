using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Core.Outcomes;

/// <summary>How evidence becomes a probability: a weight for each signal, an intercept, and a calibration curve.</summary>
public sealed record OutcomeModel
{
    /// <summary>Log-odds of success without any evidence.</summary>
    public double Intercept { get; init; }

    /// <summary>Weight of each signal by its name: log-odds for one unit of its value. A signal that is not listed counts nothing.</summary>
    public IReadOnlyDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>Points of the calibration curve, sorted: raw probability to observed share; between points it is linear. Empty for none.</summary>
    public IReadOnlyList<CalibrationPoint> Calibration { get; init; } = [];

    /// <summary>How many stated outcomes it was fitted to; 0 for the shipped one.</summary>
    public int FittedOn { get; init; }

    /// <summary>When it was fitted, or null.</summary>
    public DateTimeOffset? FittedAt { get; init; }

    /// <summary>
    /// The shipped weights. The intercept is the log-odds of 0.65, about the mean success rate of published agent runs
    /// (42 % of gpt-4o's on tau-bench airline, 52 to 59 % on Terminal-Bench, 82 to 90 % of Claude's on tau2 retail).
    /// The three signals that compare with other trajectories, and trouble, have equal weights for one standard deviation
    /// on the 88 rewarded tau-bench runs: with so few runs, fitted weights did worse on tasks that were left out than
    /// equal ones (Dawes, 1979, "The robust beauty of improper linear models"). Effort has half of that, since its
    /// direction differs between models. No public run has a checked outcome together with test results or a next turn:
    /// those weights are set by judgement, until <c>outcomes fit</c> replaces them.
    /// </summary>
    public static OutcomeModel Shipped { get; } = new()
    {
        Intercept = 0.62,
        Weights = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["end_of_turn"] = 1,
            ["verification"] = 1,
            ["next_turn"] = 1,
            ["trouble"] = 4,
            ["near_successes"] = 0.8,
            ["similar_tasks"] = 4,
            ["effort"] = 0.35,
        },
    };

    /// <summary>Writes it for the store.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, OutcomeModelJson.Default.OutcomeModel);

    /// <summary>Reads what <see cref="ToJson"/> wrote; null if it cannot be read.</summary>
    public static OutcomeModel? Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, OutcomeModelJson.Default.OutcomeModel);
        }
        catch (JsonException)
        {
            // The shipped model is used then, as before a fit.
            return null;
        }
    }

    /// <summary>The probability for log-odds.</summary>
    public double Probability(double logOdds)
    {
        var raw = 1 / (1 + Math.Exp(-logOdds));
        if (Calibration.Count == 0)
        {
            return Math.Round(raw, 4);
        }

        var after = 0;
        while (after < Calibration.Count && Calibration[after].Raw < raw)
        {
            after++;
        }

        var (low, high) = (Calibration[Math.Max(0, after - 1)], Calibration[Math.Min(after, Calibration.Count - 1)]);
        var share = high.Raw > low.Raw ? (raw - low.Raw) / (high.Raw - low.Raw) : 0;
        return Math.Round(low.Observed + (share * (high.Observed - low.Observed)), 4);
    }
}

/// <summary>A point of a calibration curve.</summary>
/// <param name="Raw">Probability before calibration.</param>
/// <param name="Observed">Share of successes that was observed there.</param>
public sealed record CalibrationPoint(double Raw, double Observed);

/// <summary>JSON of models, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OutcomeModel))]
internal sealed partial class OutcomeModelJson : JsonSerializerContext;
