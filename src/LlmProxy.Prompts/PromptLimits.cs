namespace LlmProxy.Prompts;

/// <summary>
/// What one rendering may use. A rendering that exceeds one fails, and the request is sent unchanged. All but the time
/// give the same answer every time; the time is the last resort, so generous that a slow machine does not reach it
/// with a template that the other limits let through.
/// </summary>
public static class PromptLimits
{
    /// <summary>Statements and expressions that are evaluated.</summary>
    /// <value>200 000; the shipped templates need under 3 000 with three examples of ten steps.</value>
    public const int Steps = 200_000;

    /// <summary>Rounds of a nest of loops together.</summary>
    /// <value>5 000.</value>
    public const int Loops = 5_000;

    /// <summary>Depth of calls; an include counts two.</summary>
    /// <value>40.</value>
    public const int Recursion = 40;

    /// <summary>Longest result in characters, unless <see cref="OutputFactor"/> allows more.</summary>
    /// <value>1 048 576.</value>
    public const int Output = 1 << 20;

    /// <summary>How many times as long as the agent's own prompt the result may be where that is more.</summary>
    /// <value>4.</value>
    public const int OutputFactor = 4;

    /// <summary>How many times the longest result a rendering may write in all, with what captures and includes write on its way.</summary>
    /// <value>4.</value>
    public const int WriteFactor = 4;

    /// <summary>Longest time.</summary>
    /// <value>1 second.</value>
    public static TimeSpan Time { get; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest time of one regular expression.</summary>
    /// <value>100 milliseconds.</value>
    public static TimeSpan Regex { get; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest result for a system prompt of some length.</summary>
    public static int OutputFor(int systemLength) => (int)Math.Min(Math.Max((long)systemLength * OutputFactor, Output), int.MaxValue / WriteFactor);
}
