namespace LlmProxy.Server.Cli;

/// <summary>A verb cannot do what it was asked; the message goes to people and names the fix.</summary>
internal sealed class CliException(string message, int exitCode = ExitCodes.Failed) : Exception(message)
{
    /// <summary>The program's exit code.</summary>
    public int ExitCode { get; } = exitCode;
}

/// <summary>Exit codes of the program.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
}
