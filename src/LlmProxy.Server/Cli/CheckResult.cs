namespace LlmProxy.Server.Cli;

/// <summary>Status of a check.</summary>
internal enum CheckStatus
{
    /// <summary>No problem.</summary>
    Ok,

    /// <summary>It works, but perhaps not as expected.</summary>
    Warn,

    /// <summary>It does not work.</summary>
    Fail,
}

/// <summary>The result of one check of <c>doctor</c>.</summary>
/// <param name="Check">Name of the check.</param>
/// <param name="Status">Its status.</param>
/// <param name="Text">What was found.</param>
/// <param name="Fix">The suggested fix, or null.</param>
internal sealed record CheckResult(string Check, CheckStatus Status, string Text, string? Fix)
{
    /// <summary>A check that found no problem.</summary>
    public static CheckResult Ok(string check, string text) => new(check, CheckStatus.Ok, text, null);

    /// <summary>A check that found a possible problem.</summary>
    public static CheckResult Warn(string check, string text, string fix) => new(check, CheckStatus.Warn, text, fix);

    /// <summary>A check that found a failure.</summary>
    public static CheckResult Fail(string check, string text, string fix) => new(check, CheckStatus.Fail, text, fix);
}
