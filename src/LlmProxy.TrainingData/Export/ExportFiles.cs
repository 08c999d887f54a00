using System.Text.Json;
using System.Text.Json.Serialization;
using LlmProxy.Core.Recording;
using LlmProxy.TrainingData.Validation;

namespace LlmProxy.TrainingData.Export;

/// <summary>A file that was written and checked.</summary>
/// <param name="Path">Where it is; it ends in <c>.part</c> where a line of it would be refused.</param>
/// <param name="Report">What the check found.</param>
public sealed record ExportedFile(string Path, FormatReport Report);

/// <summary>What was written.</summary>
/// <param name="Training">The training file.</param>
/// <param name="Validation">The validation file, or null.</param>
/// <param name="OriginsPath">Where each line of the training file comes from.</param>
/// <param name="Added">Lines that were written now; the others were there.</param>
/// <param name="Images">Image files that were written.</param>
/// <param name="Summary">The export's summary.</param>
public sealed record ExportResult(ExportedFile Training, ExportedFile? Validation, string OriginsPath, int Added, int Images, ExportSummary Summary);

/// <summary>
/// Writes an export: <c>NAME.jsonl</c>, <c>NAME.validation.jsonl</c>, next to each <c>.origins.jsonl</c> with the origin of
/// each line, <c>NAME.manifest.json</c>, and the folder <c>NAME.images</c>. Everything is written next to first, checked, and only then takes its
/// name, so that an export that was broken off leaves what was there before.
/// </summary>
public sealed class ExportFiles
{
    private const string Part = ".part";
    private readonly ExportRequest _request;
    private readonly string _path;
    private readonly bool _goesOn;
    private readonly HashSet<string> _knownRuns = new(StringComparer.Ordinal);
    private readonly HashSet<string> _excludedRuns = new(StringComparer.Ordinal);
    private readonly HashSet<string> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ExportOrigin> _origins = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _knownSides = new(StringComparer.Ordinal);

    /// <summary>Files at a path.</summary>
    /// <param name="request">What is exported.</param>
    /// <param name="path">Path of the training file.</param>
    public ExportFiles(ExportRequest request, string path)
    {
        ArgumentNullException.ThrowIfNull(request);
        _request = request;
        _path = Path.GetFullPath(path);

        // With --since an existing file is continued.
        _goesOn = request.Since is not null && File.Exists(_path) && File.Exists(OriginsOf(_path));
    }

    private string ValidationPath => Path.ChangeExtension(_path, ".validation" + Path.GetExtension(_path));

    private string ImageFolder => Path.ChangeExtension(_path, ".images");

    /// <summary>Writes and checks.</summary>
    /// <param name="events">The exporter's events.</param>
    /// <param name="onEvent">Receives the start, each line that was written, and progress.</param>
    /// <param name="cancellationToken">Cancels; nothing is left of the attempt.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="InvalidDataException">The export was broken off.</exception>
    public async Task<ExportResult> WriteAsync(IAsyncEnumerable<ExportEvent> events, Action<ExportEvent> onEvent, CancellationToken cancellationToken)
    {
        // 1. What the files hold already: those runs are not added again, and their tasks stay on their side.
        PrivateFiles.CreateDirectory(Path.GetDirectoryName(_path)!);
        await ReadKnownAsync(cancellationToken);

        // 2. Lines, origins, images, as they come.
        ExportSummary? summary = null;
        var images = 0;
        var added = 0;
        await using (var training = await Output.OpenAsync(_path, _goesOn, cancellationToken))
        await using (var validation = await Output.OpenAsync(_request.Split > 0 ? ValidationPath : null, _goesOn, cancellationToken))
        {
            await foreach (var item in events.WithCancellation(cancellationToken))
            {
                switch (item)
                {
                    case ExportLine line when ExportExclusion.Covers(_request.Exclude, line):
                        _excludedRuns.Add(line.Origin.TrajectoryId);
                        break;
                    case ExportLine line:
                        _runs.Add(line.Origin.TrajectoryId);
                        _origins[line.Origin.TrajectoryId] = line.Origin;
                        if (!_knownRuns.Contains(line.Origin.TrajectoryId))
                        {
                            await (IsValidation(line) ? validation : training).WriteAsync(line, cancellationToken);
                            added++;
                            onEvent(line);
                        }

                        break;
                    case ExportImage image:
                        images += await WriteImageAsync(image, cancellationToken) ? 1 : 0;
                        break;
                    case ExportSummary end:
                        summary = end;
                        break;
                    default:
                        onEvent(item);
                        break;
                }
            }

            if (summary is null)
            {
                throw new InvalidDataException("The export ended early; nothing was written.");
            }

            training.Keep();
            validation.Keep();
        }

        // 3. Each file by its consumer's rules, before it takes its name.
        var first = await FinishAsync(_path, isTraining: true, cancellationToken);
        var second = _request.Split > 0 ? await FinishAsync(ValidationPath, isTraining: false, cancellationToken) : null;
        second = second is null ? null : second with { Report = FormatCheck.CheckValidationShare(second.Report, first.Report) };
        summary = WithExcluded(summary);
        await WriteManifestAsync(second is null ? [first] : [first, second], summary, cancellationToken);
        return new ExportResult(first, second, OriginsOf(_path), added, images, summary);
    }

    /// <summary>The server does not know what is excluded here.</summary>
    private ExportSummary WithExcluded(ExportSummary summary) => _excludedRuns.Count == 0 ? summary : summary with
    {
        Runs = summary.Runs - _excludedRuns.Except(_runs).Count(),
        LeftOut = new SortedDictionary<string, int>(summary.LeftOut.ToDictionary(), StringComparer.Ordinal) { [TrajectorySelection.Excluded] = _excludedRuns.Count },
    };

    private async Task WriteManifestAsync(IReadOnlyList<ExportedFile> files, ExportSummary summary, CancellationToken cancellationToken)
    {
        var path = ExportManifest.PathOf(_path);
        if (files.Any(f => f.Path.EndsWith(Part, StringComparison.Ordinal)))
        {
            return;
        }

        await using (var output = PrivateFiles.Create(path + Part))
        {
            await ExportManifest.WriteAsync(output, _request, files, _origins.Values, summary, cancellationToken);
        }

        File.Move(path + Part, path, overwrite: true);
    }

    /// <summary>The file with the origins of another's lines.</summary>
    public static string OriginsOf(string path) => Path.ChangeExtension(path, ".origins.jsonl");

    private async Task ReadKnownAsync(CancellationToken cancellationToken)
    {
        foreach (var (path, isValidation) in new[] { (_path, false), (ValidationPath, true) })
        {
            if (!_goesOn || !File.Exists(OriginsOf(path)))
            {
                continue;
            }

            await foreach (var line in File.ReadLinesAsync(OriginsOf(path), cancellationToken))
            {
                if (JsonSerializer.Deserialize(line, ExportJson.Default.ExportOrigin) is { } origin)
                {
                    _knownRuns.Add(origin.TrajectoryId);
                    _origins[origin.TrajectoryId] = origin;
                    _knownSides.TryAdd(origin.TaskKey, isValidation);
                    _knownSides.TryAdd(origin.ConversationId, isValidation);
                }
            }
        }
    }

    private bool IsValidation(ExportLine line) => _request.Split > 0
        && (_knownSides.TryGetValue(line.Origin.TaskKey, out var side) || _knownSides.TryGetValue(line.Origin.ConversationId, out side) ? side : line.IsValidation);

    private async Task<ExportedFile> FinishAsync(string path, bool isTraining, CancellationToken cancellationToken)
    {
        var report = await FormatCheck.CheckFileAsync(path + Part, _request.Format, _request.MaxImages, isTraining, cancellationToken);

        // A file that is too small for one consumer is still the file; one with a line that is refused is not.
        if (report.Problems.Any(p => p.Line > 0))
        {
            return new ExportedFile(path + Part, report);
        }

        File.Move(path + Part, path, overwrite: true);
        File.Move(OriginsOf(path) + Part, OriginsOf(path), overwrite: true);
        return new ExportedFile(path, report);
    }

    private async Task<bool> WriteImageAsync(ExportImage image, CancellationToken cancellationToken)
    {
        PrivateFiles.CreateDirectory(ImageFolder);
        var path = Path.Combine(ImageFolder, Path.GetFileName(image.Name));
        if (File.Exists(path))
        {
            return false;
        }

        await using var file = PrivateFiles.Create(path);
        await file.WriteAsync(image.Bytes, cancellationToken);
        return true;
    }

    /// <summary>A file and its origins while they are written.</summary>
    private sealed class Output(string? path) : IAsyncDisposable
    {
        private FileStream? _lines;
        private FileStream? _origins;
        private bool _isKept;

        public static async Task<Output> OpenAsync(string? path, bool goesOn, CancellationToken cancellationToken)
        {
            var output = new Output(path);
            if (path is not null)
            {
                output._lines = await OpenOneAsync(path, goesOn, cancellationToken);
                output._origins = await OpenOneAsync(OriginsOf(path), goesOn, cancellationToken);
            }

            return output;
        }

        public async Task WriteAsync(ExportLine line, CancellationToken cancellationToken)
        {
            await _lines!.WriteAsync(line.Json, cancellationToken);
            _lines.WriteByte((byte)'\n');
            await JsonSerializer.SerializeAsync(_origins!, line.Origin, ExportJson.Default.ExportOrigin, cancellationToken);
            _origins!.WriteByte((byte)'\n');
        }

        public void Keep() => _isKept = true;

        public async ValueTask DisposeAsync()
        {
            if (path is null)
            {
                return;
            }

            await _lines!.DisposeAsync();
            await _origins!.DisposeAsync();
            if (!_isKept)
            {
                File.Delete(path + Part);
                File.Delete(OriginsOf(path) + Part);
            }
        }

        private static async Task<FileStream> OpenOneAsync(string path, bool goesOn, CancellationToken cancellationToken)
        {
            var stream = PrivateFiles.Create(path + Part);
            if (goesOn && File.Exists(path))
            {
                await using var before = File.OpenRead(path);
                await before.CopyToAsync(stream, cancellationToken);
            }

            return stream;
        }
    }
}

/// <summary>How origins and events are written.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExportOrigin))]
[JsonSerializable(typeof(ExportStart))]
[JsonSerializable(typeof(ExportSummary))]
internal sealed partial class ExportJson : JsonSerializerContext;
