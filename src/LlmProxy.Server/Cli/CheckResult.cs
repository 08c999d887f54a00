namespace LlmProxy.Server.Cli;

/// <summary>How bad a finding is.</summary>
internal enum FindingLevel
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>It works, and perhaps not as somebody expects.</summary>
    Warn,

    /// <summary>It does not work.</summary>
    Fail,
}

/// <summary>A line of the doctor.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Level">How bad.</param>
/// <param name="Text">What was found.</param>
/// <param name="Fix">What to do, or null.</param>
internal sealed record Finding(string Check, FindingLevel Level, string Text, string? Fix)
{
    /// <summary>All well.</summary>
    public static Finding Ok(string check, string text) => new(check, FindingLevel.Ok, text, null);
}
