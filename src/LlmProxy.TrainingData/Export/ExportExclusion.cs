using System.Security.Cryptography;
using System.Text;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Export;

/// <summary>
/// What an export leaves out: an evaluation set, as a list of ids, an earlier export, its origins or its manifest.
/// </summary>
internal static class ExportExclusion
{
    /// <summary>The ids of a file's runs, and the digests of lines whose run it does not name.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<IReadOnlySet<string>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var excluded = new HashSet<string>(StringComparer.Ordinal);
        var text = await File.ReadAllBytesAsync(path, cancellationToken);
        using (var whole = LenientJson.Parse(text))
        {
            foreach (var id in (whole?.RootElement ?? default).Get("trajectories"u8).Items().Select(i => i.Text()).OfType<string>())
            {
                excluded.Add(id);
            }
        }

        if (excluded.Count > 0)
        {
            return excluded;
        }

        foreach (var line in Encoding.UTF8.GetString(LenientJson.WithoutMark(text).Span).Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0))
        {
            excluded.Add(EntryOf(line));
        }

        var origins = ExportFiles.OriginsOf(path);
        if (origins != path && File.Exists(origins))
        {
            excluded.UnionWith(await ReadAsync(origins, cancellationToken));
        }

        return excluded;
    }

    /// <summary>How a line of an export is named.</summary>
    public static string DigestOf(ReadOnlySpan<byte> line) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(line));

    /// <summary>Whether a line is left out.</summary>
    public static bool Covers(IReadOnlySet<string> excluded, ExportLine line) => excluded.Count > 0
        && (excluded.Contains(line.Origin.TrajectoryId)
            || (line.Origin.Pair is { } pair && excluded.Contains(pair.TrajectoryId))
            || excluded.Contains(DigestOf(line.Json.Span)));

    private static string EntryOf(string line)
    {
        if (line[0] != '{')
        {
            return line;
        }

        using var document = LenientJson.Parse(Encoding.UTF8.GetBytes(line));
        return (document?.RootElement ?? default).Text("trajectoryId"u8) ?? DigestOf(Encoding.UTF8.GetBytes(line));
    }
}
