using System.Text.RegularExpressions;

namespace LlmProxy.Core.Configuration;

/// <summary>The one way in which regular expressions of the configuration become expressions: culture-invariant, case-sensitive, with a time limit.</summary>
public static class RuleRegex
{
    /// <summary>Longest time of one match; beyond it <see cref="RegexMatchTimeoutException"/> is thrown, and the rule counts as not matching.</summary>
    /// <value>100 milliseconds.</value>
    public static TimeSpan MatchTimeout { get; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Compiles a pattern.</summary>
    /// <exception cref="RegexParseException">The pattern is wrong.</exception>
    public static Regex Create(string pattern) => new(pattern, RegexOptions.CultureInvariant, MatchTimeout);

    /// <summary>Compiles a pattern that takes linear time for any text.</summary>
    /// <exception cref="RegexParseException">The pattern is wrong.</exception>
    /// <exception cref="NotSupportedException">The pattern needs backtracking.</exception>
    public static Regex CreateLinear(string pattern) => new(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
}
