using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using LlmProxy.TrainingData.Conversations;

namespace LlmProxy.TrainingData.Export;

/// <summary>
/// An export as a stream of JSON lines between a server and the client that writes the files: one event a line,
/// <c>{"start":…}</c>, <c>{"line":…,"validation":…,"origin":…}</c>, <c>{"image":…,"base64":…}</c>, <c>{"progress":…}</c>,
/// <c>{"summary":…}</c>.
/// </summary>
public static class ExportStream
{
    /// <summary>Media type of such a stream.</summary>
    public const string MediaType = "application/vnd.llmproxy.export+jsonl";

    /// <summary>Writes an event as a line.</summary>
    public static void Write(IBufferWriter<byte> output, ExportEvent item)
    {
        ArgumentNullException.ThrowIfNull(output);
        using (var writer = new Utf8JsonWriter(output, StrictJson.Options))
        {
            writer.WriteStartObject();
            switch (item)
            {
                case ExportStart start:
                    writer.WritePropertyName("start");
                    JsonSerializer.Serialize(writer, start, ExportJson.Default.ExportStart);
                    break;
                case ExportLine line:
                    writer.WritePropertyName("line");
                    writer.WriteRawValue(line.Json.Span, skipInputValidation: true);
                    writer.WriteBoolean("validation", line.IsValidation);
                    writer.WritePropertyName("origin");
                    JsonSerializer.Serialize(writer, line.Origin, ExportJson.Default.ExportOrigin);
                    break;
                case ExportImage image:
                    writer.WriteString("image", image.Name);
                    writer.WriteBase64String("base64", image.Bytes.Span);
                    break;
                case ExportProgress progress:
                    writer.WriteNumber("progress", progress.Done);
                    break;
                case ExportSummary summary:
                    writer.WritePropertyName("summary");
                    JsonSerializer.Serialize(writer, summary, ExportJson.Default.ExportSummary);
                    break;
            }

            writer.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    /// <summary>Reads such a stream.</summary>
    /// <exception cref="InvalidDataException">A line is none of ours.</exception>
    public static async IAsyncEnumerable<ExportEvent> ReadAsync(Stream stream, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(stream);
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                yield return Read(buffer.Slice(0, end).ToArray());
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }

        await reader.CompleteAsync();
    }

    private static ExportEvent Read(byte[] line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = StrictJson.Options.MaxDepth + 1 });
            var root = document.RootElement;
            if (root.TryGetProperty("line", out var json))
            {
                return new ExportLine(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(json).ToArray(), root.GetProperty("validation").GetBoolean(), root.GetProperty("origin").Deserialize(ExportJson.Default.ExportOrigin)!);
            }

            return root.TryGetProperty("progress", out var done) ? new ExportProgress(done.GetInt32())
                : root.TryGetProperty("start", out var start) ? start.Deserialize(ExportJson.Default.ExportStart)!
                : root.TryGetProperty("summary", out var summary) ? summary.Deserialize(ExportJson.Default.ExportSummary)!
                : new ExportImage(root.GetProperty("image").GetString()!, root.GetProperty("base64").GetBytesFromBase64());
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException("The server's response is not an export: " + error.Message, error);
        }
    }
}
