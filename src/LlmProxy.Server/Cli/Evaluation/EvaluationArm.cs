using System.Globalization;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>What the proxy does to the prompts of some runs.</summary>
/// <param name="Name">Its name on the command line and in results.</param>
/// <param name="FewShot">Value of the header <c>LlmProxy-Few-Shot</c> of its requests; null for the proxy's own settings.</param>
internal sealed record EvaluationArm(string Name, string? FewShot)
{
    private const int MaxExamples = 10;

    /// <summary>Whether its prompts should get examples.</summary>
    public bool HasExamples => FewShot != "off";

    /// <summary>Reads the names of <c>--arms</c>.</summary>
    /// <exception cref="CliException">A name is unknown, or there is one alone.</exception>
    public static IReadOnlyList<EvaluationArm> Parse(string names)
    {
        var arms = names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(One).ToList();
        return arms.Count > 0 && arms.DistinctBy(arm => arm.Name).Count() == arms.Count
            ? arms
            : throw new CliException($"--arms needs different names, not \"{names}\". Use, for example, --arms none,examples.", ExitCodes.WrongUsage);
    }

    private static EvaluationArm One(string name) => name switch
    {
        "none" => new EvaluationArm(name, "off"),
        "examples" => new EvaluationArm(name, null),
        _ when name.StartsWith("examples=", StringComparison.Ordinal)
            && int.TryParse(name["examples=".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is > 0 and <= MaxExamples => new EvaluationArm(name, count.ToString(CultureInfo.InvariantCulture)),
        _ => throw new CliException($"\"{name}\" is no arm. Use none (no examples), examples (as the proxy is configured) or examples=N (at most N examples, 1 to {MaxExamples}).", ExitCodes.WrongUsage),
    };
}
