namespace LlmProxy.Core.Prompting;

/// <summary>Log lines about templates: 3001 to 3999. They never contain prompt text.</summary>
internal static partial class PromptingLog
{
    [LoggerMessage(3001, LogLevel.Information, "Loaded prompt templates from {Source}: {Count} files, set {Hash}")]
    public static partial void TemplatesInUse(ILogger logger, string source, int count, string hash);

    [LoggerMessage(3002, LogLevel.Warning, "Prompt templates from {Source} were rejected; keeping the previous set: {Problem} ({Count} problems)")]
    public static partial void TemplatesBroken(ILogger logger, string source, string problem, int count);

    [LoggerMessage(3003, LogLevel.Warning, "Watching folder {Directory} failed; polling it for template changes every second: {Reason}")]
    public static partial void CannotWatch(ILogger logger, string directory, string reason);
}
