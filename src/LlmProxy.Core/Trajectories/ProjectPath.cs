namespace LlmProxy.Core.Trajectories;

/// <summary>One spelling for the paths by which clients state the project that they work on.</summary>
public static class ProjectPath
{
    /// <summary>Longest path that is kept; a longer text is no path.</summary>
    public const int MaxLength = 1_000;

    /// <summary>Folder in which Claude Code keeps the worktrees of a repository.</summary>
    private const string Worktrees = "/.claude/worktrees/";

    /// <summary>
    /// The path without quotes, trailing separators and worktree, with <c>/</c> as separator and a drive letter in lower case; null
    /// for what names no project: an empty text, a root, one that is too long.
    /// </summary>
    public static string? Normalize(string? path)
    {
        var text = path?.Trim().Trim('"', '\'', '`').Trim() ?? "";
        if (text.Length is 0 or > MaxLength)
        {
            return null;
        }

        var hasDrive = text.Length > 1 && text[1] == ':' && char.IsAsciiLetter(text[0]);
        if (hasDrive || text.StartsWith(@"\\", StringComparison.Ordinal))
        {
            text = text.Replace('\\', '/');
        }

        var end = text.IndexOf(Worktrees, StringComparison.Ordinal);
        text = (end > 0 ? text[..end] : text).TrimEnd('/');
        return text.Length == 0 || (hasDrive && text.Length == 2) ? null : hasDrive ? char.ToLowerInvariant(text[0]) + text[1..] : text;
    }
}
