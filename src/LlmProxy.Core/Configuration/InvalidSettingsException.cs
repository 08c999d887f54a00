namespace LlmProxy.Core.Configuration;

/// <summary>Settings are wrong. The message has a line for each, with its key, value and fix.</summary>
/// <param name="problems">All that is wrong.</param>
public sealed class InvalidSettingsException(IReadOnlyList<ConfigurationProblem> problems)
    : Exception("The settings cannot be used:\n" + string.Join('\n', problems.Select(p => "  " + p)))
{
    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems { get; } = problems;
}
