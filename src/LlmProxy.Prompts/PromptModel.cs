namespace LlmProxy.Prompts;

/// <summary>
/// What a prompt template can read. Rendering fills in these values, and the checker reports other names as unknown.
/// </summary>
public static class PromptModel
{
    /// <summary>A step of a recorded run.</summary>
    public static PromptType Step { get; } = PromptType.Object(
        "step",
        new PromptMember("reasoning", PromptType.Text, "why, in the model's own words", PromptOrigin.Recorded),
        new PromptMember("tool", PromptType.Text, "the tool that was called", PromptOrigin.Recorded),
        new PromptMember("arguments", PromptType.Text, "with what", PromptOrigin.Recorded),
        new PromptMember("result", PromptType.Text, "what came back", PromptOrigin.Recorded));

    /// <summary>A recorded run that was selected as an example.</summary>
    public static PromptType Example { get; } = PromptType.Object(
        "example",
        new PromptMember("task", PromptType.Text, "what the run was asked", PromptOrigin.Recorded),
        new PromptMember("outcome", PromptType.Text, "how it ended", PromptOrigin.Recorded),
        new PromptMember("similarity", PromptType.Number, "cosine to the task at hand, 0 to 1"),
        new PromptMember("quality", PromptType.Number, "the run's score, 0 to 1"),
        new PromptMember("iterations", PromptType.Number, "how many calls of the model the run took"),
        new PromptMember("tools_used", PromptType.ListOf(PromptType.Text), "the tools that it called", PromptOrigin.Recorded),
        new PromptMember("steps", PromptType.ListOf(Step), "the steps that mattered, in order"));

    /// <summary>A tool that the request offers.</summary>
    public static PromptType Tool { get; } = PromptType.Object(
        "tool",
        new PromptMember("name", PromptType.Text, "its name"),
        new PromptMember("description", PromptType.Text, "what the request says of it"));

    /// <summary>The agent's own system prompt.</summary>
    public static PromptType System { get; } = PromptType.Object(
        "system",
        new PromptMember("text", PromptType.Text, "the agent's own prompt", PromptOrigin.Agent),
        new PromptMember("head", PromptType.Text, "the part before the heading; all of it where there is no heading", PromptOrigin.Agent),
        new PromptMember("tail", PromptType.Text, "the part from the heading on; empty where there is no heading", PromptOrigin.Agent));

    /// <summary>The task.</summary>
    public static PromptType Task { get; } = PromptType.Object(
        "task",
        new PromptMember("id", PromptType.Text, "the task's id", PromptOrigin.Task),
        new PromptMember("description", PromptType.Text, "what was asked; empty where unknown"));

    /// <summary>All names that are defined without an assignment: values of the task, and of the request (<c>system</c>).</summary>
    public static PromptType Root { get; } = PromptType.Object(
        "prompt",
        new PromptMember("system", System, "the agent's own system prompt"),
        new PromptMember("task", Task, "the task"),
        new PromptMember("provider", PromptType.Text, "the provider of the model"),
        new PromptMember("model", PromptType.Text, "the model; empty where unknown"),
        new PromptMember("tools", PromptType.ListOf(Tool), "the tools that the task's first request offers"),
        new PromptMember("examples", PromptType.ListOf(Example), "the chosen runs, best first"));
}

/// <summary>
/// The marks around recorded text in a prompt: <c>&lt;recorded_run …&gt;</c> and <c>&lt;/recorded_run&gt;</c>. Recorded
/// text is sanitized so that it cannot contain them, and the prompt declares the text between them to be a record.
/// </summary>
public static class PromptFence
{
    /// <summary>Name in the marks.</summary>
    public const string Name = "recorded_run";

    /// <summary>Start of an opening mark.</summary>
    public const string Opening = "<" + Name;

    /// <summary>Start of a closing mark.</summary>
    public const string Closing = "</" + Name;
}

/// <summary>Expected maximum size of a prompt with the default settings. Tokens are characters divided by four.</summary>
public static class PromptBudget
{
    /// <summary>Examples in a prompt.</summary>
    /// <value>3: the setting <c>FewShot:Count</c>.</value>
    public const int Examples = 3;

    /// <summary>Steps of an example.</summary>
    /// <value>10.</value>
    public const int Steps = 10;

    /// <summary>Assumed iterations of any other loop.</summary>
    /// <value>8.</value>
    public const int Rounds = 8;

    /// <summary>Tokens of the template's own text, without the agent's prompt and the examples.</summary>
    /// <value>2 000.</value>
    public const int OwnTokens = 2000;

    /// <summary>The providers for which templates are chosen.</summary>
    public static IReadOnlyList<string> Providers { get; } = ["openai", "gemini", "proxy", "anthropic"];
}
