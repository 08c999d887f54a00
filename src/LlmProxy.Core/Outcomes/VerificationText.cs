using System.Text.RegularExpressions;

namespace LlmProxy.Core.Outcomes;

/// <summary>Finds the line of a tool result that reports a test run, a build, a linter or an exit code.</summary>
internal static class VerificationText
{
    private const int MaxLength = 16 * 1024;
    private const int MaxQuote = 160;

    // Linear in the text: results are untrusted and long.
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;

    private static readonly Regex Failure = new(
        """\b[1-9][0-9]* (?:tests? |specs? |examples? )?(?:failed|failing|failures?)\b|\b[Ff]ail(?:ed|ures?): *[1-9]|\b[1-9][0-9]* (?:errors?\b|Error\(s\)|errored\b)|\b(?:failures|errors)=[1-9]|^make(?:\[[0-9]+\])?: \*\*\*|\bBUILD FAILED\b|\bBuild FAILED\b|\btest result: FAILED\b|^FAILED\b|^FAIL\b|^--- FAIL\b|\berror (?:CS|TS|MSB|LNK)[0-9]+|\berror\[E[0-9]+\]|\b[Ee]xit(?:ed)?(?: with)? (?:code|status)[:=]? *-?[1-9]|\bnpm ERR!|^Traceback \(most recent call last\)|\bcommand not found$""",
        Options);

    private static readonly Regex Success = new(
        """\b[1-9][0-9]* (?:tests? |specs? |examples? )?(?:passed|passing)\b|\b[Pp]assed: *[1-9]|\bBuild succeeded\b|\bBUILD SUCCESS(?:FUL)?\b|\btest result: ok\b|^PASS\b|^ok  |\bOK \([1-9][0-9]* tests?|^Ran [1-9][0-9]* tests?\b|\b[1-9][0-9]* examples?, 0 failures\b|\b[Aa]ll (?:checks|tests) pass(?:ed)?\b|\b0 (?:errors?\b|Error\(s\))|\bwith 0 failures\b|\bFailures: *0, Errors: *0\b|\bno (?:issues|errors|problems) found\b|\b[Ee]xit(?:ed)?(?: with)? (?:code|status)[:=]? *0\b""",
        Options);

    /// <summary>What the last lines of a result say, and the line; null if they say nothing of the kind. A failure wins over a success.</summary>
    public static (bool Passed, string Quote)? Find(string result)
    {
        var text = result.Length <= MaxLength ? result : result[^MaxLength..];
        string? passed = null;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            var line = text.AsSpan(range).Trim();
            if (line.Length is 0 or > 2000)
            {
                continue;
            }

            if (Failure.IsMatch(line))
            {
                return (false, Quote(line));
            }

            if (passed is null && Success.IsMatch(line))
            {
                passed = Quote(line);
            }
        }

        return passed is null ? null : (true, passed);
    }

    /// <summary>A reported line as quotes are kept: one line of limited length.</summary>
    public static string Shorten(string line) => Quote(string.Join(' ', line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));

    private static string Quote(ReadOnlySpan<char> line) => line.Length <= MaxQuote ? line.ToString() : string.Concat(line[..(MaxQuote - 1)], "…");
}
