namespace LlmProxy.TrainingData.Import;

/// <summary>What to import.</summary>
public sealed record ImportRequest
{
    /// <summary>What the files hold.</summary>
    public required ImportSource Source { get; init; }

    /// <summary>Files, or folders with all below them.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>The tenant that owns the runs.</summary>
    public string Tenant { get; init; } = "default";

    /// <summary>Only these projects: the path or its last part. Empty: all.</summary>
    public IReadOnlyList<string> Projects { get; init; } = [];

    /// <summary>None of these projects.</summary>
    public IReadOnlyList<string> Excluded { get; init; } = [];

    /// <summary>Only runs that began at this time or later.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Whether to count only.</summary>
    public bool DryRun { get; init; }

    /// <summary>Name of the batch that the added runs belong to, by which they can be removed again; null for none.</summary>
    public string? Batch { get; init; }

    /// <summary>Decides which files are read; null: all.</summary>
    internal Predicate<string>? Reads { get; init; }

    /// <summary>Whether runs of a project are wanted.</summary>
    /// <param name="project">The project's path or name, or null.</param>
    public bool Wants(string? project) => (Projects.Count == 0 || Projects.Any(p => IsNamed(project, p))) && !Excluded.Any(p => IsNamed(project, p));

    /// <summary>Whether a name is the project's: its path, the end of it, or the word for an unknown one.</summary>
    /// <param name="project">The project's path or name, or null.</param>
    /// <param name="name">The name as a person gives it.</param>
    public static bool IsNamed(string? project, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var (path, wanted) = ((project ?? ImportedProject.Unknown).Replace('\\', '/'), name.Replace('\\', '/').TrimEnd('/'));
        return wanted.Length > 0 && (path.Equals(wanted, StringComparison.OrdinalIgnoreCase) || path.EndsWith("/" + wanted.TrimStart('/'), StringComparison.OrdinalIgnoreCase));
    }
}

/// <summary>A project that an agent keeps conversations of.</summary>
/// <param name="Name">Its path, or what the agent's folder calls it; <see cref="Unknown"/> if the files do not say.</param>
/// <param name="Conversations">Number of conversations.</param>
/// <param name="LastAt">When the latest was last used.</param>
public sealed record ImportedProject(string Name, int Conversations, DateTimeOffset LastAt)
{
    /// <summary>Name of conversations whose files name no project.</summary>
    public const string Unknown = "unknown";
}
