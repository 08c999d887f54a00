namespace LlmProxy.Tests.Packaging;

/// <summary>A test of the archives that <c>scripts/publish.sh</c> makes; it names their folder.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsArchivesAttribute : FactAttribute
{
    public NeedsArchivesAttribute()
    {
        if (Folder is null)
        {
            Skip = "Needs archives: run scripts/publish.sh, which makes and tests them.";
        }
    }

    public static string? Folder { get; } = Environment.GetEnvironmentVariable("LLMPROXY_ARCHIVES") is { Length: > 0 } folder ? folder : null;
}
