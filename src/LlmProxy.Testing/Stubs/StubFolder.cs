using LlmProxy.Core.Recording;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing.Stubs;

/// <summary>For which server stub mappings are written.</summary>
public enum StubFlavor
{
    /// <summary>WireMock (Java), 3.x.</summary>
    WireMock,

    /// <summary>WireMock.Net.</summary>
    WireMockNet,
}

/// <summary>A folder of stub mappings.</summary>
/// <param name="Files">Path in the folder, with <c>/</c>, to content.</param>
/// <param name="Mappings">How many mappings there are.</param>
/// <param name="LoadedFrom">The folder in it that the server is given, empty for all of it: WireMock's root, what WireMock.Net's <c>ReadStaticMappings</c> takes.</param>
public sealed record StubFolder(IReadOnlyDictionary<string, byte[]> Files, int Mappings, string LoadedFrom)
{
    /// <summary>Makes the folder of a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="flavor">For which server.</param>
    /// <param name="withPauses">Whether the recorded pauses are kept.</param>
    public static StubFolder Of(RecordedTrajectory run, StubFlavor flavor, bool withPauses = true)
    {
        var steps = StubStep.Of(run, withPauses).ToList();
        return flavor == StubFlavor.WireMock ? WireMockMappings.Write(run, steps) : WireMockNetMappings.Write(run, steps);
    }

    /// <summary>Writes the files; others in the folder stay, so it must be a new or empty one, or one that was written before.</summary>
    /// <exception cref="IOException">The folder holds other files, or cannot be written.</exception>
    public void WriteTo(string folder)
    {
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any() && !IsOurs(folder))
        {
            throw new IOException($"The folder {folder} holds other files: name a new or empty one.");
        }

        // An export before may have had more steps.
        foreach (var old in (string[])["mappings", "__files", "__admin"])
        {
            if (Directory.Exists(Path.Combine(folder, old)))
            {
                Directory.Delete(Path.Combine(folder, old), recursive: true);
            }
        }

        foreach (var (name, content) in Files)
        {
            var path = Path.Combine(folder, name);
            using var file = PrivateFiles.Create(path);
            file.Write(content);
        }
    }

    private static bool IsOurs(string folder) =>
        File.Exists(Path.Combine(folder, "README.md")) && File.ReadLines(Path.Combine(folder, "README.md")).FirstOrDefault()?.StartsWith(StubReadme.Title, StringComparison.Ordinal) == true;
}
