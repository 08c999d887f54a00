using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using LlmProxy.Core;

namespace LlmProxy.TrainingData.Export;

/// <summary>The manifest of an export: from which runs and by which filters it was written, and what its files hold.</summary>
internal static class ExportManifest
{
    /// <summary>The file's manifest.</summary>
    public static string PathOf(string path) => Path.ChangeExtension(path, ".manifest.json");

    /// <summary>Writes the manifest of files that took their names.</summary>
    public static async Task WriteAsync(Stream output, ExportRequest request, IReadOnlyList<ExportedFile> files, IReadOnlyCollection<ExportOrigin> origins, ExportSummary summary, CancellationToken cancellationToken)
    {
        var digests = new List<string>();
        foreach (var file in files)
        {
            await using var stream = File.OpenRead(file.Path);
            digests.Add(Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)));
        }

        await using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteString("format", request.Format.Name());
        WriteFilters(writer, request);
        writer.WriteStartArray("files");
        foreach (var (file, digest) in files.Zip(digests))
        {
            writer.WriteStartObject();
            writer.WriteString("name", Path.GetFileName(file.Path));
            writer.WriteNumber("lines", file.Report.Lines);
            writer.WriteNumber("bytes", file.Report.Bytes);
            writer.WriteNumber("estimatedTokens", file.Report.Tokens);
            writer.WriteString("sha256", digest);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteString("version", typeof(ExportManifest).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]);
        Write(writer, "outcomeSources", Count(origins, origin => [origin.OutcomeSource ?? "none"]));
        Write(writer, "models", Count(origins, origin => origin.Models));
        Write(writer, "leftOut", summary.LeftOut);
        Write(writer, "notes", summary.Notes);
        writer.WriteStartArray("trajectories");
        foreach (var id in origins.Select(origin => origin.TrajectoryId).Order(StringComparer.Ordinal))
        {
            writer.WriteStringValue(id);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static SortedDictionary<string, int> Count(IEnumerable<ExportOrigin> origins, Func<ExportOrigin, IEnumerable<string>> values) =>
        new(origins.SelectMany(values).CountBy(value => value).ToDictionary(), StringComparer.Ordinal);

    private static void WriteFilters(Utf8JsonWriter writer, ExportRequest request)
    {
        writer.WriteStartObject("filters");
        writer.WriteNumber("minQuality", request.MinQuality);
        writer.WriteBoolean("successOnly", request.SuccessOnly);
        writer.WriteBoolean("includeInferred", request.IncludeInferred);
        writer.WriteStartArray("outcomes");
        foreach (var source in request.Outcomes)
        {
            writer.WriteStringValue(EnumWords.Snake(source));
        }

        writer.WriteEndArray();
        if (request.Limit is { } limit)
        {
            writer.WriteNumber("limit", limit);
        }

        if (request.ModelProvider is { } provider)
        {
            writer.WriteString("modelProvider", provider);
        }

        if (request.Since is { } since && since > DateTimeOffset.MinValue)
        {
            writer.WriteString("since", since);
        }

        writer.WriteNumber("split", request.Split);
        if (request.MaxImages is { } images)
        {
            writer.WriteNumber("maxImages", images);
        }

        writer.WriteBoolean("redact", request.Redact);
        writer.WriteBoolean("turnMasks", request.TurnMasks);
        writer.WriteNumber("excluded", request.Exclude.Count);
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, string name, IReadOnlyDictionary<string, int> counts)
    {
        writer.WriteStartObject(name);
        foreach (var (what, count) in counts)
        {
            writer.WriteNumber(what, count);
        }

        writer.WriteEndObject();
    }
}
