using System.IO.Compression;
using System.Text.Json;

namespace LlmProxy.Tests;

/// <summary>
/// Recordings that live beside the repository and are never copied into it. Tests that need them carry
/// <see cref="SharedDataFactAttribute"/> and are skipped, visibly, where the folder is missing.
/// </summary>
internal static class SharedData
{
    public static string? Root { get; } = Find();

    /// <summary>Lines of <c>data/FILE</c> (gzip JSON lines), parsed one by one.</summary>
    public static IEnumerable<JsonDocument> ReadJsonLines(string file)
    {
        using var stream = File.OpenRead(Path.Combine(Root!, "data", file));
        using var unzipped = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : (Stream)stream;
        using var reader = new StreamReader(unzipped);
        while (reader.ReadLine() is { } line)
        {
            yield return JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 512 });
        }
    }

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LlmProxy.sln")))
            {
                var shared = Path.Combine(folder.Parent?.FullName ?? "/", "shared");
                return Directory.Exists(Path.Combine(shared, "data")) ? shared : null;
            }
        }

        return null;
    }
}

/// <summary>A test that reads the recordings of <see cref="SharedData"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedDataFactAttribute : FactAttribute
{
    public SharedDataFactAttribute()
    {
        if (SharedData.Root is null)
        {
            Skip = "needs the recordings in ../shared/data beside the repository";
        }
    }
}
