using System.CommandLine;
using System.Globalization;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.TrainingData.Validation;
using Spectre.Console;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>export</c>: training data of recorded runs, and the check of such files.</summary>
internal static class ExportVerb
{
    private const int ShownPairs = 20;

    public static Command Create(CliContext context)
    {
        var options = new ExportArguments();
        var command = new Command("export", "Training data of recorded runs; with --check the check of a file");
        options.AddTo(command);
        command.SetAction(async (parse, cancellationToken) =>
        {
            var request = options.Read(parse);
            if (parse.GetValue(options.Check) is { } file)
            {
                if (!File.Exists(file))
                {
                    throw new CliException($"There is no file {file}.", ExitCodes.WrongUsage);
                }

                var report = await FormatCheck.CheckFileAsync(file, request.Format, request.MaxImages, isTraining: true, cancellationToken);
                ExportPrinter.PrintCheck(context.Console, file, report, parse.GetValue(options.Json));
                return report.IsValid ? ExitCodes.Done : ExitCodes.Failed;
            }

            var output = parse.GetValue(options.Output) ?? throw new CliException($"--output is missing: say where the file shall be, for example --output {request.Format.Name()}.jsonl.", ExitCodes.WrongUsage);
            await using var api = await TasksVerb.OpenAsync(context, parse, cancellationToken);
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

    private static Task<ExportResult> WriteAsync(CliConsole console, ExportFiles files, IAsyncEnumerable<ExportEvent> events, List<ExportOrigin> pairs, CancellationToken cancellationToken)
    {
        if (!console.IsTerminal)
        {
            return files.WriteAsync(events, item => Tell(item, null), cancellationToken);
        }

        return console.Ansi.Progress().AutoClear(true).StartAsync(progress =>
        {
            var bar = progress.AddTask("Runs", autoStart: true, maxValue: 1);
            return files.WriteAsync(events, item => Tell(item, bar), cancellationToken);
        });

        void Tell(ExportEvent item, ProgressTask? bar)
        {
            switch (item)
            {
                case ExportStart start:
                    if (start.Notice.Length > 0)
                    {
                        console.Error.WriteLine(start.Notice);
                    }

                    bar?.MaxValue(Math.Max(1, start.Runs));
                    break;
                case ExportLine { Origin: { Pair: not null } origin } when pairs.Count < ShownPairs:
                    pairs.Add(origin);
                    break;
                case ExportProgress done:
                    bar?.Value(done.Done);
                    break;
            }
        }
    }
}

/// <summary>The options of <c>export</c>.</summary>
internal sealed class ExportArguments
{
    private readonly Option<string> _format = new("--format") { Description = "One of " + string.Join(", ", ExportFormats.Names), HelpName = "F", Required = true };
    private readonly Option<double> _minQuality = new("--min-quality") { Description = "Only runs that score at least so much", DefaultValueFactory = _ => 0.7 };
    private readonly Option<bool> _successOnly = new("--success-only") { Description = "Only runs that succeeded", DefaultValueFactory = _ => true };
    private readonly Option<int?> _limit = new("--limit") { Description = "At most so many runs, the newest" };
    private readonly Option<string?> _provider = new("--model-provider") { Description = "Only runs of this provider: anthropic, openai, gemini, proxy" };
    private readonly Option<string?> _since = new("--since") { Description = "Only runs that ended since, such as 2026-11-22 or 30d; a file that is there is gone on with" };
    private readonly Option<double> _split = new("--split") { Description = "Share of the runs for a validation file, such as 0.1; no task stands on both sides" };
    private readonly Option<int?> _maxImages = new("--max-images") { Description = "Images that an example keeps, the last ones (the format's own limit)" };
    private readonly Option<bool> _redact = new("--redact") { Description = "Remove secrets once more, by today's patterns" };
    private readonly Option<string?> _imageUri = new("--image-uri") { Description = "Where the image files will stand, such as gs://bucket/images (Gemini takes images by address alone)", HelpName = "URI" };

    public Option<string?> Output { get; } = new("--output") { Description = "The file to write", HelpName = "FILE" };

    public Option<string?> Check { get; } = new("--check") { Description = "Check this file by the format's rules, and export nothing", HelpName = "FILE" };

    public Option<bool> Json { get; } = CliContext.JsonOption();

    public void AddTo(Command command)
    {
        _format.AcceptOnlyFromAmong([.. ExportFormats.Names]);
        foreach (var option in new Option[] { _format, Output, _minQuality, _successOnly, _limit, _provider, _since, _split, _maxImages, _redact, _imageUri, Check, Json })
        {
            command.Add(option);
        }
    }

    /// <summary>What the files need to know; the server reads the rest from <see cref="Query"/>.</summary>
    public ExportRequest Read(ParseResult parse) => new("", ExportFormats.Parse(parse.GetValue(_format))!.Value)
    {
        MaxImages = parse.GetValue(_maxImages),
        Split = parse.GetValue(_split),
        Since = parse.GetValue(_since) is null ? null : DateTimeOffset.MinValue,
    };

    public string Query(ParseResult parse) => TasksVerb.Query(
        ("format", parse.GetValue(_format)),
        ("minQuality", parse.GetValue(_minQuality).ToString(CultureInfo.InvariantCulture)),
        ("successOnly", parse.GetValue(_successOnly) ? "true" : "false"),
        ("limit", parse.GetValue(_limit)?.ToString(CultureInfo.InvariantCulture)),
        ("modelProvider", parse.GetValue(_provider)),
        ("since", parse.GetValue(_since)),
        ("split", parse.GetValue(_split).ToString(CultureInfo.InvariantCulture)),
        ("maxImages", parse.GetValue(_maxImages)?.ToString(CultureInfo.InvariantCulture)),
        ("redact", parse.GetValue(_redact) ? "true" : null),
        ("imageUri", parse.GetValue(_imageUri)));
}
