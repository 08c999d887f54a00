namespace LlmProxy.TrainingData.Import;

/// <summary>A conversation in a file, as far as it can be known without reading all of it.</summary>
/// <param name="Project">The folder that the agent worked in, or another name of it; null if the file does not say.</param>
/// <param name="At">When it was last used.</param>
internal readonly record struct ListedConversation(string? Project, DateTimeOffset At)
{
    /// <summary>When a file was last written.</summary>
    public static DateTimeOffset LastWrite(string file) => new(File.GetLastWriteTimeUtc(file));
}

/// <summary>The histories that one agent keeps.</summary>
internal interface IAgentHistories
{
    /// <summary>The files of a folder in the order in which they are to be read: what others refer to comes first.</summary>
    IEnumerable<string> FilesOf(string folder);

    /// <summary>The conversations of a file.</summary>
    IAsyncEnumerable<ListedConversation> ListAsync(string file, CancellationToken cancellationToken);

    /// <summary>The runs of a file.</summary>
    IAsyncEnumerable<ImportedTrajectory> ReadAsync(string file, CancellationToken cancellationToken);
}
