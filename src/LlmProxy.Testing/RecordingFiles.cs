namespace LlmProxy.Testing;

/// <summary>Where recorded files are: next to the tests' sources, so that they are seen in reviews.</summary>
internal static class RecordingFiles
{
    /// <summary>The file to read.</summary>
    /// <exception cref="FileNotFoundException">There is none; the message names the places that were searched and how to record one.</exception>
    public static string Find(string path, string callerFile)
    {
        var places = Folders(callerFile).Select(folder => Path.GetFullPath(path, folder)).Distinct(StringComparer.Ordinal).ToList();
        return places.Find(File.Exists) ?? throw new FileNotFoundException(
            $"There is no recorded run {path}; it was looked for as {string.Join(", ", places)}.\n"
            + "Record it by running the test once with the environment variable LLMPROXY_RECORD=1 and the provider's key, "
            + $"or write it from a run that llmproxy recorded: llmproxy replay export --task ID --flavor recorded --output {path}",
            path);
    }

    /// <summary>The file to write: one that is there, else in the first folder that may hold it.</summary>
    public static string ForWriting(string path, string callerFile)
    {
        var places = Folders(callerFile).Select(folder => Path.GetFullPath(path, folder)).ToList();
        return places.Find(File.Exists) ?? places[0];
    }

    /// <summary>The caller's project and source folder (unless it was built elsewhere), then those of the built tests, upwards to their project.</summary>
    private static IEnumerable<string> Folders(string callerFile)
    {
        var source = Path.GetDirectoryName(callerFile);
        if (!string.IsNullOrEmpty(source) && Directory.Exists(source))
        {
            yield return ProjectOf(source) ?? source;
            yield return source;
        }

        var output = AppContext.BaseDirectory;
        if (ProjectOf(output) is { } project)
        {
            yield return project;
        }

        yield return output;
        yield return Environment.CurrentDirectory;
    }

    private static string? ProjectOf(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (at.EnumerateFiles("*.csproj").Any())
            {
                return at.FullName;
            }
        }

        return null;
    }
}
