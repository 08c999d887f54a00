using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;

namespace LlmProxy.TrainingData.Validation;

/// <summary>Something that a consumer would refuse.</summary>
/// <param name="Line">The line, from 1; 0 for the file as a whole.</param>
/// <param name="Rule">The rule's name, such as <c>last-message</c>.</param>
/// <param name="Reason">What is wrong.</param>
public sealed record FormatProblem(long Line, string Rule, string Reason);

/// <summary>What a check found.</summary>
/// <param name="Format">The format.</param>
/// <param name="Lines">Lines of the file.</param>
/// <param name="Bytes">Bytes of the file.</param>
/// <param name="Tokens">Estimated tokens of all lines.</param>
/// <param name="LargestTokens">Estimated tokens of the largest line.</param>
/// <param name="Images">Images of all lines.</param>
/// <param name="LinesWithImages">Lines that hold images.</param>
/// <param name="ProblemCount">Number of problems.</param>
/// <param name="Problems">The first hundred of them.</param>
public sealed record FormatReport(
    ExportFormat Format, long Lines, long Bytes, long Tokens, int LargestTokens, long Images, long LinesWithImages, long ProblemCount, IReadOnlyList<FormatProblem> Problems)
{
    /// <summary>Whether the consumer would take the file.</summary>
    public bool IsValid => ProblemCount == 0;
}

/// <summary>Checks a file by the rules that its consumer applies, line by line in constant memory.</summary>
public static class FormatCheck
{
    private const int MostProblems = 100;

    /// <summary>Checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">Its format.</param>
    /// <param name="maxImages">Images of an example in place of the format's own limit.</param>
    /// <param name="isTraining">Whether a training file's least number of examples is asked for.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<FormatReport> CheckFileAsync(string path, ExportFormat format, int? maxImages, bool isTraining, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16, FileOptions.Asynchronous | FileOptions.SequentialScan);
        return await CheckAsync(file, format, maxImages, isTraining, cancellationToken);
    }

    /// <summary>Checks a stream.</summary>
    public static Task<FormatReport> CheckAsync(Stream stream, ExportFormat format, int? maxImages, bool isTraining, CancellationToken cancellationToken) =>
        CheckAsync(stream, format, format.Limits(), maxImages, isTraining, cancellationToken);

    /// <summary>Holds a validation file against its training file.</summary>
    public static FormatReport CheckValidationShare(FormatReport validation, FormatReport training)
    {
        ArgumentNullException.ThrowIfNull(validation);
        ArgumentNullException.ThrowIfNull(training);
        var limits = validation.Format.Limits();
        return limits.MaxValidationShare is { } share && validation.Lines > limits.SmallValidationLines && validation.Lines > training.Lines * share
            ? validation with
            {
                ProblemCount = validation.ProblemCount + 1,
                Problems =
                [
                    .. validation.Problems,
                    new FormatProblem(0, "validation-share", FormattableString.Invariant($"{validation.Lines} validation examples for {training.Lines} training examples; above {limits.SmallValidationLines}, {limits.Source} takes at most {share:0.#} times as many")),
                ],
            }
            : validation;
    }

    internal static async Task<FormatReport> CheckAsync(Stream stream, ExportFormat format, FormatLimits limits, int? maxImages, bool isTraining, CancellationToken cancellationToken)
    {
        var check = new Check(format, limits, LineValidator.Of(format, maxImages));
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                check.Line(buffer.Slice(0, end), isLast: false);
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (result.IsCompleted)
            {
                if (!buffer.IsEmpty)
                {
                    check.Line(buffer, isLast: true);
                }

                await reader.CompleteAsync();
                return check.Finish(isTraining);
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private sealed class Check(ExportFormat format, FormatLimits limits, LineValidator validator)
    {
        private readonly List<FormatProblem> _problems = [];
        private long _count;
        private long _lines;
        private long _bytes;
        private long _tokens;
        private int _largest;
        private long _images;
        private long _withImages;

        public void Line(ReadOnlySequence<byte> bytes, bool isLast)
        {
            _lines++;
            _bytes += bytes.Length + (isLast ? 0 : 1);
            var length = (int)bytes.Length;
            var line = ArrayPool<byte>.Shared.Rent(Math.Max(1, length));
            try
            {
                bytes.CopyTo(line);
                Line(line.AsMemory(0, length));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(line);
            }
        }

        public FormatReport Finish(bool isTraining)
        {
            var file = new LineFindings();
            _ = file.AddIf(_lines == 0, "empty-file", "the file holds no example")
                || file.AddIf(isTraining && _lines < limits.MinLines, "too-few-examples", $"{_lines} examples; {limits.Source} takes at least {limits.MinLines}");
            file.AddIf(
                !isTraining && _lines > limits.MaxValidationLines,
                "too-many-validation-examples", $"{_lines} examples; {limits.Source} takes {limits.MaxValidationLines} for validation");
            file.AddIf(_lines > limits.MaxLines, "too-many-examples", $"{_lines} examples; {limits.Source} takes {limits.MaxLines}");
            file.AddIf(_bytes > limits.MaxBytes, "file-size", $"{_bytes} bytes; {limits.Source} takes {limits.MaxBytes}");
            file.AddIf(
                _withImages > limits.MaxLinesWithImages,
                "too-many-image-examples", $"{_withImages} examples with images; {limits.Source} takes {limits.MaxLinesWithImages}");
            file.Problems.ForEach(p => Add(0, p.Rule, p.Reason));
            return new FormatReport(format, _lines, _bytes, _tokens, _largest, _images, _withImages, _count, _problems);
        }

        private void Line(ReadOnlyMemory<byte> line)
        {
            if (_lines == 1 && line.Span.StartsWith("\uFEFF"u8))
            {
                Add(1, "byte-order-mark", "the file begins with a byte order mark");
                line = line[3..];
            }

            if (line.Span.Trim(" \t\r"u8).IsEmpty)
            {
                Add(_lines, "empty-line", "the line is empty");
                return;
            }

            if (!Utf8.IsValid(line.Span))
            {
                Add(_lines, "not-utf8", "the line is not valid UTF-8");
                return;
            }

            try
            {
                using var document = JsonDocument.Parse(line, LineValidator.Reading);
                var findings = new LineFindings();
                validator.Check(document.RootElement, findings);
                _tokens += findings.Tokens;
                _largest = Math.Max(_largest, findings.Tokens);
                _images += findings.Images;
                _withImages += findings.Images > 0 ? 1 : 0;
                findings.Problems.ForEach(p => Add(_lines, p.Rule, p.Reason));
            }
            catch (JsonException error)
            {
                Add(_lines, "not-json", FormattableString.Invariant($"the line is not valid JSON at byte {error.BytePositionInLine}"));
            }
        }

        private void Add(long line, string rule, string reason)
        {
            _count++;
            if (_problems.Count < MostProblems)
            {
                _problems.Add(new FormatProblem(line, rule, reason));
            }
        }
    }
}
