using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using LlmProxy.Core;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.TrainingData.Formats;
using LlmProxy.TrainingData.Pairs;
using LlmProxy.TrainingData.Validation;

namespace LlmProxy.TrainingData.Export;

/// <summary>
/// Makes training data of recorded runs, one run at a time. Examples and texts that the proxy put into prompts are not
/// in it: the agent's own prompt is what is kept of each step.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
public sealed class TrajectoryExporter(IStoreLifecycle lifecycle, ITrajectoryStore store, ISearchStore search, TrajectoryReader reader, LlmProxyOptions options, TimeProvider time)
{
    private const string CannotBeRead = "content is damaged in the store, or was removed meanwhile";
    private const string TooDeep = "lines left out: nested too deep for readers of JSON";

    /// <summary>Comparisons of runs by a judge; null if the store keeps none.</summary>
    internal IJudgementStore? Judgements { get; init; }

    /// <summary>
    /// Exports into a training file, with the validation file and the origins next to it. The file takes its name only when
    /// all of it has passed its consumer's rules; see <see cref="ExportedFile.Report"/>.
    /// </summary>
    /// <param name="request">What to export, and in which format.</param>
    /// <param name="path">The training file; one that is there is added to where the request has a <see cref="ExportRequest.Since"/>.</param>
    /// <param name="onEvent">Receives the events: the terms' notice first, then progress; null for none.</param>
    /// <param name="cancellationToken">Cancels; no file is left then.</param>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public async Task<ExportResult> ExportForFineTuningAsync(ExportRequest request, string path, Action<ExportEvent>? onEvent = null, CancellationToken cancellationToken = default)
    {
        await lifecycle.InitializeAsync(cancellationToken);
        return await new ExportFiles(request, path).WriteAsync(ExportAsync(request, cancellationToken), onEvent ?? (static _ => { }), cancellationToken);
    }

    /// <summary>Exports. Nothing is written anywhere; <see cref="ExportFiles"/> does that.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public async IAsyncEnumerable<ExportEvent> ExportAsync(ExportRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // 1. Which runs, and whose outputs they hold.
        var selection = await TrajectorySelection.MakeAsync(store, request, options, time.GetUtcNow(), cancellationToken);
        yield return new ExportStart(selection.Count, selection.Providers, NoticeOf(selection.Providers));

        // 2. Run by run: its segments, their conversations, their lines.
        var work = new Work(request, selection, new ExportNotes(), request.Redact ? new Redactor(new RedactionOptions { Patterns = options.Recording.Redaction.Patterns }) : null);
        var items = request.Format.IsPreference() ? PairsAsync(work, cancellationToken) : RunsAsync(work, cancellationToken);
        await foreach (var item in items.WithCancellation(cancellationToken))
        {
            yield return item;
        }

        // 3. What came of it.
        yield return new ExportSummary(work.Lines, work.ValidationLines, work.Runs, selection.LeftOut, work.Notes.Counts, selection.NextSince);
    }

    private async IAsyncEnumerable<ExportEvent> RunsAsync(Work work, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var done = 0;
        await foreach (var run in work.Selection.ReadAsync(cancellationToken))
        {
            work.WhyNot = ConversationShaper.NoReply;
            var segment = 0;
            foreach (var conversation in (await ReadAsync(run, work, cancellationToken)).SelectMany(((ConversationFormat)work.Format).Lines))
            {
                var images = new ImageFiles(work.Request.ImageUri);
                if (work.Write((writer, format) => ((ConversationFormat)format).Write(writer, conversation, images)) is not { } json)
                {
                    continue;
                }

                if (work.IsKnown(conversation))
                {
                    continue;
                }

                foreach (var (name, bytes) in images.Files)
                {
                    yield return new ExportImage(name, bytes);
                }

                yield return work.Line(json, work.Selection.IsValidation(run), OriginOf(work.Clean(run), work.Clean(conversation.Models)) with
                {
                    Segment = ++segment,
                    Replies = [.. conversation.Turns.Where(t => t.IsAssistant).Select(t => t.IsTrained ? t.Step : 0)],
                    Times = [.. conversation.Turns.Where(t => t.IsAssistant).Select(t => t.At)],
                });
            }

            work.End(segment);
            yield return new ExportProgress(++done);
        }
    }

    private async IAsyncEnumerable<ExportEvent> PairsAsync(Work work, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var format = (PairFormat)work.Format;
        var done = 0;
        await foreach (var pair in new PairFinder(store, search, work.Request.Tenant).FindAsync(work.Selection.Candidates, cancellationToken))
        {
            if (work.Runs >= (work.Request.Limit ?? int.MaxValue))
            {
                yield break;
            }

            var (origin, disagreement) = await PairAgreement.FindAsync(Judgements, pair, cancellationToken);
            if (origin is null)
            {
                work.Notes.Add("pairs left out: " + disagreement);
                yield return new ExportProgress(done += 2);
                continue;
            }

            // A pair compares whole runs from their beginning: the first segment of each.
            var better = await ReadAsync(pair.Better, work, cancellationToken) is [var first, ..] ? first : null;
            var worse = await ReadAsync(pair.Worse, work, cancellationToken) is [var second, ..] ? second : null;
            var isValidation = work.Selection.IsValidation(pair.Better);
            var (comparison, reason) =
                better is null || worse is null ? (null, "no conversation to learn from")
                : isValidation != work.Selection.IsValidation(pair.Worse) ? (null, "its two runs are on different sides of the split")
                : Comparison.Find(better, worse, format.Takes);
            if (comparison is null)
            {
                work.Notes.Add("pairs left out: " + reason);
            }
            else if (work.Write((writer, _) => format.Write(writer, comparison)) is { } json)
            {
                yield return work.Line(json, isValidation, OriginOf(work.Clean(pair.Better), work.Clean(better!.Models)) with
                {
                    Pair = new PairOrigin(pair.Worse.Id, pair.Worse.QualityScore, pair.Worse.Success, pair.Similarity, pair.Reason, comparison.Compared) { Origin = origin },
                });
                work.End(1);
            }

            yield return new ExportProgress(done += 2);
        }

        if (work.Selection.Candidates.Count > 0 && !work.Selection.Candidates.Exists(c => c.Failed))
        {
            work.Notes.Add("no failed run has content: set Recording:Failures to record the worse half of pairs");
        }
    }

    /// <summary>The conversations of a run; none where it cannot be read, which keeps no other run from being exported.</summary>
    private async Task<IReadOnlyList<Conversation>> ReadAsync(Trajectory run, Work work, CancellationToken cancellationToken)
    {
        try
        {
            return await ShapeAsync(run, work, cancellationToken);
        }
        catch (Exception error) when (error is StoreException { IsOutage: false } or JsonException or InvalidOperationException)
        {
            work.WhyNot = CannotBeRead;
            return [];
        }
    }

    private async Task<IReadOnlyList<Conversation>> ShapeAsync(Trajectory run, Work work, CancellationToken cancellationToken)
    {
        var steps = await reader.ReadAsync(run.Id, cancellationToken);
        if (steps.Any(s => s.Unreadable > 0))
        {
            work.WhyNot = CannotBeRead;
            return [];
        }

        var others = steps.Any(s => s.Messages.Any(m => m.IsForeign)) ? await work.RepliesOfConversationAsync(run, reader, cancellationToken) : null;
        if (work.Redactor is { } redactor)
        {
            steps = [.. steps.Select(step => step with { ToolsJson = step.ToolsJson is { } tools ? redactor.RedactJson(tools) : step.ToolsJson })];
        }

        var segments = SegmentBuilder.Build(steps, print => others?.Contains(print) == true);
        var conversations = new List<Conversation>(segments.Count);
        foreach (var segment in segments)
        {
            var shaper = new ConversationShaper(work.Format.Shape(work.Request), work.Redactor, work.Notes);
            if (shaper.Shape(segment) is { } conversation)
            {
                conversations.Add(conversation);
            }
            else
            {
                work.Notes.Add("segments without a reply to a client's message left out");
                work.WhyNot = shaper.WhyNot;
            }
        }

        return conversations;
    }

    private static ExportOrigin OriginOf(Trajectory run, IReadOnlyList<string> models) => new()
    {
        TrajectoryId = run.Id,
        TaskId = run.TaskId,
        ConversationId = run.ConversationId,
        TaskKey = TaskKeys.Text(TaskKeys.Task(run)),
        TaskDescription = run.TaskDescription,
        Provider = run.Provider,
        Models = models,
        QualityScore = run.QualityScore,
        Success = run.Success,
        OutcomeSource = run.OutcomeSource is { } source ? EnumWords.Snake(source) : null,
        StartedAt = run.StartedAt,
        CompletedAt = run.CompletedAt,
        Client = run.Client,
        Preset = run.Preset,
    };

    private static string NoticeOf(IReadOnlyDictionary<string, int> providers) => providers.Count == 0
        ? ""
        : $"This data holds outputs of {string.Join(", ", providers.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Key} ({p.Value} runs)")))}. "
            + "The providers' terms may forbid training other models on their outputs (Anthropic's commercial terms forbid training competing models without approval): "
            + "check them for your use. LlmProxy:Export:AllowProviders restricts whose outputs are exported.";

    /// <summary>What one export carries along.</summary>
    private sealed class Work(ExportRequest request, TrajectorySelection selection, ExportNotes notes, Redactor? redactor)
    {
        private readonly ArrayBufferWriter<byte> _buffer = new(64 << 10);
        private readonly LineValidator _validator = LineValidator.Of(request.Format, request.MaxImages);
        private readonly NearDuplicates _duplicates = new();
        private (ulong Conversation, HashSet<UInt128> Replies)? _conversation;

        public ExportRequest Request => request;

        public TrajectorySelection Selection => selection;

        public ExportNotes Notes => notes;

        public Redactor? Redactor => redactor;

        /// <summary>A run whose own texts are redacted like its content.</summary>
        public Trajectory Clean(Trajectory run) => redactor is null ? run : run with
        {
            TaskId = redactor.Redact(run.TaskId),
            ConversationId = redactor.Redact(run.ConversationId),
            TaskDescription = redactor.Redact(run.TaskDescription),
            Client = redactor.Redact(run.Client),
        };

        /// <summary>The names of models, redacted in the same way.</summary>
        public IReadOnlyList<string> Clean(IReadOnlyList<string> models) => redactor is null ? models : [.. models.Select(redactor.Redact)];

        public LineFormat Format { get; } = LineFormat.Of(request.Format);

        public int Lines { get; private set; }

        public int ValidationLines { get; private set; }

        public int Runs { get; private set; }

        /// <summary>Why the latest run gave no line, where it did not.</summary>
        public string WhyNot { get; set; } = ConversationShaper.NoReply;

        /// <summary>Writes a line; null where it is left out, which is counted.</summary>
        public byte[]? Write(Action<Utf8JsonWriter, LineFormat> write)
        {
            _buffer.ResetWrittenCount();
            try
            {
                using (var writer = new Utf8JsonWriter(_buffer, StrictJson.Options))
                {
                    write(writer, Format);
                }

                var json = _buffer.WrittenSpan.ToArray();
                return Accepts(json) ? json : null;
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException)
            {
                // Writer and reader refuse nesting above their limit.
                WhyNot = TooDeep;
                notes.Add(TooDeep);
                return null;
            }
        }

        /// <summary>Whether the consumer would take the line; if not it is left out and counted, since one such line spoils the file.</summary>
        private bool Accepts(byte[] json)
        {
            using var line = JsonDocument.Parse(json, LineValidator.Reading);
            var findings = new LineFindings();
            _validator.Check(line.RootElement, findings);
            if (findings.Problems.Count == 0)
            {
                return true;
            }

            WhyNot = $"lines left out by the format's rule {findings.Problems[0].Rule}";
            notes.Add(WhyNot);
            return false;
        }

        /// <summary>Whether an earlier line says the same, which is counted.</summary>
        public bool IsKnown(Conversation conversation)
        {
            var isKnown = request.LeaveOutDuplicates && _duplicates.IsKnown(conversation);
            if (isKnown)
            {
                WhyNot = "near-duplicate of another run's line";
                notes.Add("near-duplicate lines left out");
            }

            return isKnown;
        }

        public ExportLine Line(byte[] json, bool isValidation, ExportOrigin origin)
        {
            Lines += isValidation ? 0 : 1;
            ValidationLines += isValidation ? 1 : 0;
            return new ExportLine(json, isValidation, origin);
        }

        public void End(int lines)
        {
            if (lines > 0)
            {
                Runs++;
            }
            else
            {
                selection.LeftOut[WhyNot] = selection.LeftOut.GetValueOrDefault(WhyNot) + 1;
            }
        }

        /// <summary>The replies of the other runs of a conversation: a coding agent's next task resends those of the one before.</summary>
        public async Task<HashSet<UInt128>> RepliesOfConversationAsync(Trajectory run, TrajectoryReader reader, CancellationToken cancellationToken)
        {
            var key = TaskKeys.Conversation(run);
            if (_conversation is { } held && held.Conversation == key)
            {
                return held.Replies;
            }

            var replies = new HashSet<UInt128>();
            foreach (var id in selection.OthersOfConversation(run))
            {
                foreach (var step in await reader.ReadAsync(id, cancellationToken))
                {
                    if (step.Reply is { } reply)
                    {
                        replies.Add(MessagePrint.Of(reply));
                    }
                }
            }

            _conversation = (key, replies);
            return replies;
        }
    }
}
