namespace LlmProxy.TrainingData.Import;

/// <summary>Where agents keep their histories, by the variables that the agents read.</summary>
/// <param name="home">The user's folder.</param>
/// <param name="variable">Reads an environment variable.</param>
public sealed class AgentFolders(string home, Func<string, string?> variable)
{
    /// <summary>The folders of this process's user.</summary>
    public static AgentFolders OfUser() => new(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), Environment.GetEnvironmentVariable);

    /// <summary>The folders and files that exist of an agent; none for sources that are no agents.</summary>
    public IReadOnlyList<string> Of(ImportSource source) => [.. Candidates(source).Where(p => Directory.Exists(p) || File.Exists(p))];

    /// <summary>Where an agent's histories are looked for.</summary>
    public IReadOnlyList<string> Candidates(ImportSource source) => source switch
    {
        ImportSource.ClaudeCode => [Path.Combine(Value("CLAUDE_CONFIG_DIR") ?? Path.Combine(home, ".claude"), "projects")],
        ImportSource.Codex => CodexFolders(Value("CODEX_HOME") ?? Path.Combine(home, ".codex")),
        ImportSource.GeminiCli => [Path.Combine(Value("GEMINI_CLI_HOME") ?? home, ".gemini", "tmp")],
        ImportSource.OpenCode => OpenCodeFolders(Path.Combine(Value("XDG_DATA_HOME") ?? Path.Combine(home, ".local", "share"), "opencode")),
        _ => [],
    };

    private static string[] CodexFolders(string codex) => [Path.Combine(codex, "sessions"), Path.Combine(codex, "archived_sessions")];

    /// <summary>The data folder, and a database that <c>OPENCODE_DB</c> puts elsewhere.</summary>
    private string[] OpenCodeFolders(string data) => Value("OPENCODE_DB") is { } database && database != ":memory:" && Path.GetFullPath(database, data) is var file && !file.StartsWith(data + Path.DirectorySeparatorChar, StringComparison.Ordinal)
        ? [file, data]
        : [data];

    private string? Value(string name) => variable(name) is { } value && !string.IsNullOrWhiteSpace(value) ? value : null;
}
