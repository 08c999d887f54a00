using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>Reads a file that is one JSON value. One that is too long, nested too deep or broken is reported and skipped.</summary>
internal static class ImportFiles
{
    /// <summary>Reads a file; null if it is skipped.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<JsonDocument?> ReadAsync(string path, ImportReport report, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        if (file.Length > ImportLines.MaxBytes)
        {
            report.Skip(path, 1, FormattableString.Invariant($"is longer than {ImportLines.MaxBytes >> 20} MiB"));
            return null;
        }

        // An agent may be writing it: what is there now counts.
        var bytes = new byte[file.Length];
        var length = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        return Parse(bytes.AsMemory(0, length), path, 1, report);
    }

    /// <summary>Parses JSON; null if it is skipped.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> json, string path, int line, ImportReport report)
    {
        json = LenientJson.WithoutMark(json);
        if (JsonDepth.IsOver(json.Span, ImportLines.MaxDepth))
        {
            report.Skip(path, line, FormattableString.Invariant($"is nested deeper than {ImportLines.MaxDepth} levels"));
            return null;
        }

        var document = LenientJson.Parse(json);
        if (document?.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        document?.Dispose();
        report.Skip(path, line, "is no JSON object");
        return null;
    }
}
