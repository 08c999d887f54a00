using System.CommandLine;
using System.Globalization;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.TrainingData.Validation;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>export</c>: writes training data of recorded trajectories, or checks such a file.</summary>
internal static class ExportVerb
{
    private const int ShownPairs = 20;

    public static Command Create(CliContext context)
    {
        var options = new ExportArguments();
        var command = new Command("export", "Write training data of recorded runs, or with --check validate such a file");
        options.AddTo(command);
        command.SetAction(async (parse, cancellationToken) =>
        {
            var request = options.Read(parse);
            if (parse.GetValue(options.Exclude) is { } excluded)
            {
                request = request with { Exclude = await ReadExcludedAsync(excluded, cancellationToken) };
            }

            if (parse.GetValue(options.Check) is { } file)
            {
                if (!File.Exists(file))
                {
                    throw new CliException($"File not found: {file}..", ExitCodes.WrongUsage);
                }

                var report = await FormatCheck.CheckFileAsync(file, request.Format, request.MaxImages, isTraining: true, cancellationToken);
                ExportPrinter.PrintCheck(context.Console, file, report, parse.GetValue(options.Json));
                return report.IsValid ? ExitCodes.Done : ExitCodes.Failed;
            }

            var output = parse.GetValue(options.Output) ?? throw new CliException($"--output is missing: name the file to write, for example --output {request.Format.Name()}.jsonl.", ExitCodes.WrongUsage);
            await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
            await using var stream = await api.OpenStreamAsync("/export" + options.Query(parse), ExportStream.MediaType, cancellationToken);
            var pairs = new List<ExportOrigin>();
            var result = await WriteAsync(context.Console, new ExportFiles(request, output), ExportStream.ReadAsync(stream, cancellationToken), pairs, cancellationToken);
            if (!parse.GetValue(options.Json))
            {
                ExportPrinter.PrintPairs(context.Console, pairs, request.Format.IsPreference() ? result.Added - pairs.Count : 0);
            }

            ExportPrinter.Print(context.Console, request.Format, result, parse.GetValue(options.Json));
            return result.Training.Report.IsValid && result.Validation is null or { Report.ProblemCount: 0 } ? ExitCodes.Done : ExitCodes.Failed;
        });
        return command;
    }

    private static async Task<IReadOnlySet<string>> ReadExcludedAsync(string path, CancellationToken cancellationToken) => File.Exists(path)
        ? await ExportExclusion.ReadAsync(path, cancellationToken)
        : throw new CliException($"File not found: {path}. Check --exclude.", ExitCodes.WrongUsage);

    private static Task<ExportResult> WriteAsync(CliConsole console, ExportFiles files, IAsyncEnumerable<ExportEvent> events, List<ExportOrigin> pairs, CancellationToken cancellationToken) =>
        console.ProgressAsync("Runs", onProgress =>
        {
            var total = 0L;
            return files.WriteAsync(events, Report, cancellationToken);

            void Report(ExportEvent item)
            {
                switch (item)
                {
                    case ExportStart start:
                        total = start.Runs;
                        if (start.Notice.Length > 0)
                        {
                            console.Error.WriteLine(start.Notice);
                        }

                        break;
                    case ExportLine { Origin: { Pair: not null } origin } when pairs.Count < ShownPairs:
                        pairs.Add(origin);
                        break;
                    case ExportProgress done:
                        onProgress(done.Done, total);
                        break;
                }
            }
        });
}

/// <summary>The options of <c>export</c>.</summary>
internal sealed class ExportArguments
{
    private readonly Option<string> _format = new("--format") { Description = "Format of the lines: " + string.Join(", ", ExportFormats.Names), HelpName = "F", Required = true };
    private readonly Option<double> _minQuality = new("--min-quality") { Description = "Minimum quality score", DefaultValueFactory = _ => 0.7 };
    private readonly Option<bool> _successOnly = new("--success-only") { Description = "Only successful runs", DefaultValueFactory = _ => true };
    private readonly Option<bool> _includeInferred = new("--include-inferred") { Description = "Also runs whose success is inferred and was not verified" };
    private readonly Option<string?> _outcome = new("--outcome") { Description = "Only outcomes of these sources: human,ci,api,judge,agent", HelpName = "LIST" };
    private readonly Option<int?> _limit = new("--limit") { Description = "Maximum number of runs, newest first" };
    private readonly Option<string?> _provider = new("--model-provider") { Description = "Only runs of this provider: anthropic, openai, gemini, proxy" };
    private readonly Option<string?> _since = new("--since") { Description = "Only runs that ended at or after this time, such as 2026-11-22 or 30d; appends to an existing file" };
    private readonly Option<double> _split = new("--split") { Description = "Share of runs for a validation file, such as 0.1; a task is never in both files" };
    private readonly Option<int?> _maxImages = new("--max-images") { Description = "Maximum number of images per example; the last ones are kept (default: the format's limit)" };
    private readonly Option<bool> _redact = new("--redact") { Description = "Redact secrets again with the current patterns" };
    private readonly Option<string?> _imageUri = new("--image-uri") { Description = "Where the image files will be uploaded, such as gs://bucket/images (Gemini accepts images by URI only)", HelpName = "URI" };

    private readonly Option<bool> _trainMasks = new("--train-masks") { Description = "sharegpt only: keep earlier turns of the conversation, with \"train\": false on their replies (Axolotl)" };
    private readonly Option<bool> _keepDuplicates = new("--keep-duplicates") { Description = "Keep lines that say nearly the same as an earlier one" };

    public Option<string?> Exclude { get; } = new("--exclude") { Description = "Leave out these runs: a list of ids, or an earlier export (its lines, origins or manifest)", HelpName = "FILE" };

    public Option<string?> Output { get; } = new("--output") { Description = "The file to write", HelpName = "FILE" };

    public Option<string?> Check { get; } = new("--check") { Description = "Validate this file against the format's rules; export nothing", HelpName = "FILE" };

    public Option<bool> Json { get; } = CliContext.JsonOption();

    public void AddTo(Command command)
    {
        _format.AcceptOnlyFromAmong([.. ExportFormats.Names]);
        foreach (var option in new Option[] { _format, Output, _minQuality, _successOnly, _includeInferred, _outcome, _limit, _provider, _since, _split, _maxImages, _redact, _imageUri, _trainMasks, _keepDuplicates, Exclude, Check, Json })
        {
            command.Add(option);
        }
    }

    /// <summary>The request as the files and their manifest need it; the server reads it from <see cref="Query"/>.</summary>
    public ExportRequest Read(ParseResult parse) => new("", ExportFormats.Parse(parse.GetValue(_format))!.Value)
    {
        MaxImages = parse.GetValue(_maxImages),
        Split = parse.GetValue(_split),
        Since = parse.GetValue(_since) is not { } since ? null : DateTimeOffset.TryParse(since, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : DateTimeOffset.MinValue,
        MinQuality = parse.GetValue(_minQuality),
        SuccessOnly = parse.GetValue(_successOnly),
        IncludeInferred = parse.GetValue(_includeInferred),
        Limit = parse.GetValue(_limit),
        ModelProvider = parse.GetValue(_provider),
        Redact = parse.GetValue(_redact),
        ImageUri = parse.GetValue(_imageUri),
        TurnMasks = parse.GetValue(_trainMasks),
        LeaveOutDuplicates = !parse.GetValue(_keepDuplicates),
    };

    public string Query(ParseResult parse) => ApiVerb.Query(
        ("format", parse.GetValue(_format)),
        ("minQuality", parse.GetValue(_minQuality)),
        ("successOnly", parse.GetValue(_successOnly) ? "true" : "false"),
        ("includeInferred", parse.GetValue(_includeInferred) ? "true" : null),
        ("outcome", parse.GetValue(_outcome)),
        ("limit", parse.GetValue(_limit)),
        ("modelProvider", parse.GetValue(_provider)),
        ("since", parse.GetValue(_since)),
        ("split", parse.GetValue(_split)),
        ("maxImages", parse.GetValue(_maxImages)),
        ("redact", parse.GetValue(_redact) ? "true" : null),
        ("imageUri", parse.GetValue(_imageUri)),
        ("turnMasks", parse.GetValue(_trainMasks) ? "true" : null),
        ("keepDuplicates", parse.GetValue(_keepDuplicates) ? "true" : null));
}
