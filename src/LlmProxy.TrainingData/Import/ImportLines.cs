using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>One line of an imported file.</summary>
/// <param name="Number">Its number from 1.</param>
/// <param name="Bytes">The line without its end; null if it is skipped.</param>
internal readonly record struct ImportLine(int Number, ReadOnlyMemory<byte>? Bytes);

/// <summary>Reads a file line by line. A line that is too long or nested too deep is reported and skipped; a long one is never in memory as a whole.</summary>
internal static class ImportLines
{
    /// <summary>The longest line: as much as a recorded body may have by default.</summary>
    public const int MaxBytes = 64 << 20;

    /// <summary>The deepest nesting that is written again.</summary>
    public static readonly int MaxDepth = StrictJson.Options.MaxDepth - 10;

    /// <summary>The lines of a file. One that was skipped is there without its bytes, so that numbers stay in step with a second file.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async IAsyncEnumerable<ImportLine> ReadAsync(string path, ImportReport report, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.ReadWrite, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        var reader = PipeReader.Create(file, new StreamPipeReaderOptions(bufferSize: 64 << 10));
        var (number, isSkipping, scanned) = (1, false, 0L);
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            while (buffer.Slice(scanned).PositionOf((byte)'\n') is { } end)
            {
                yield return isSkipping ? new ImportLine(number, null) : Take(path, number, buffer.Slice(0, end).ToArray(), report);
                (number, isSkipping, scanned) = (number + 1, false, 0);
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (result.IsCompleted)
            {
                if (buffer.Length > 0 && !isSkipping)
                {
                    yield return Take(path, number, buffer.ToArray(), report);
                }

                break;
            }

            if (buffer.Length > MaxBytes && !isSkipping)
            {
                report.Skip(path, number, FormattableString.Invariant($"is longer than {MaxBytes >> 20} MiB"));
                isSkipping = true;
            }

            // What is skipped is not kept.
            scanned = isSkipping ? 0 : buffer.Length;
            reader.AdvanceTo(isSkipping ? buffer.End : buffer.Start, buffer.End);
        }

        await reader.CompleteAsync();
    }

    private static ImportLine Take(string path, int number, ReadOnlyMemory<byte> line, ImportReport report)
    {
        line = LenientJson.WithoutMark(line);
        line = line.Length > 0 && line.Span[^1] == '\r' ? line[..^1] : line;
        if (!JsonDepth.IsOver(line.Span, MaxDepth))
        {
            return new ImportLine(number, line);
        }

        report.Skip(path, number, FormattableString.Invariant($"is nested deeper than {MaxDepth} levels"));
        return new ImportLine(number, null);
    }
}
