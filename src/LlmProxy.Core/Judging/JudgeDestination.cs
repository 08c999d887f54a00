using System.Globalization;

namespace LlmProxy.Core.Judging;

/// <summary>Where the text of judged trajectories goes.</summary>
internal static class JudgeDestination
{
    /// <summary>The address of the model's server.</summary>
    public static string PlaceOf(JudgeOptions judge) => judge.Endpoint ?? (IsClaude(judge.Model!) ? "https://api.anthropic.com" : "https://api.openai.com/v1");

    /// <summary>One sentence for people: which text goes where.</summary>
    public static string Describe(JudgeOptions judge) => string.Create(
        CultureInfo.InvariantCulture,
        $"recorded text of finished {(judge.Providers.Count == 0 ? "" : string.Join(", ", judge.Providers) + " ")}runs{(judge.Sample < 1 ? $" ({judge.Sample * 100:0.##} % of them)" : "")}, without secrets, to {PlaceOf(judge)} to be judged by {judge.Model}, for at most {judge.MaxUsdPerDay:0.##} USD a day");

    /// <summary>Whether Anthropic's SDK calls a model.</summary>
    public static bool IsClaude(string model) => model.StartsWith("claude", StringComparison.OrdinalIgnoreCase);
}
