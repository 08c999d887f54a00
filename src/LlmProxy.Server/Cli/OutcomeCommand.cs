namespace LlmProxy.Server.Cli;

/// <summary>The command of a client with which a person states how the session's last task ended: <c>/llmproxy-outcome y</c>.</summary>
internal static class OutcomeCommand
{
    private const string FileName = "llmproxy-outcome.md";

    /// <summary>Writes the command.</summary>
    /// <param name="client">The client.</param>
    /// <param name="folder">The client's folder, such as <c>.claude</c> of a project; null for the user's.</param>
    /// <param name="address">The server's address.</param>
    /// <returns>The file.</returns>
    /// <exception cref="CliException">The client has no such commands, or the file is there with other content.</exception>
    public static string Install(string client, string? folder, string address)
    {
        var (variable, home, commands, text) = client switch
        {
            "claude-code" => ("CLAUDE_CONFIG_DIR", ".claude", "commands", ClaudeCode(address)),
            "codex" => ("CODEX_HOME", ".codex", "prompts", Codex(address)),
            _ => throw new CliException($"--install-command is for claude-code and codex, not {client}. State outcomes with \"llmproxy tasks outcome last --success\" or --failure.", ExitCodes.WrongUsage),
        };
        folder ??= Environment.GetEnvironmentVariable(variable) is { Length: > 0 } configured ? configured
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), home);
        var file = Path.GetFullPath(Path.Combine(folder, commands, FileName));
        if (File.Exists(file) && File.ReadAllText(file) != text)
        {
            throw new CliException($"{file} exists with other content. Delete it and run this again.");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }

    // Claude Code runs the line with ! before it sends the prompt, so the latest task is still the one before it.
    private static string ClaudeCode(string address) =>
        $$"""
        ---
        description: State whether the last task of this session succeeded
        argument-hint: y | n
        allowed-tools: Bash(llmproxy tasks outcome:*)
        disable-model-invocation: true
        ---

        !`llmproxy tasks outcome session:${CLAUDE_SESSION_ID} --ended --answer "$ARGUMENTS" --urls {{address}}`

        The person stated the outcome of the last task with this command. Repeat the line above and do nothing else.

        """;

    // Codex runs nothing itself: the model does, in a turn of its own, which --ended leaves out.
    private static string Codex(string address) =>
        $$"""
        ---
        description: State whether the last task of this session succeeded
        argument-hint: y | n
        ---

        The person states the outcome of the last task: $1 (y: it succeeded, n: it failed). Run this command once, with access to
        the network, repeat the line that it prints, and do nothing else:

            llmproxy tasks outcome "${CODEX_THREAD_ID:+session:}${CODEX_THREAD_ID:-last}" --ended --answer "$1" --urls {{address}}

        """;
}
