using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Outcomes;

/// <summary>Collects a trajectory's outline step by step.</summary>
public sealed class OutlineBuilder
{
    private readonly SortedDictionary<int, StepPart> _steps = [];
    private readonly Dictionary<string, (int Step, int Call)> _open = new(StringComparer.Ordinal);
    private bool _isPartial;
    private readonly List<(int Step, bool Passed, string Quote)> _reported = [];
    private bool _isInterrupted;
    private TrajectoryOutline? _stored;

    /// <summary>Takes the results that a step's messages brought.</summary>
    /// <param name="messages">The messages that are new in the step.</param>
    /// <param name="rules">Decides which results are failures.</param>
    /// <param name="redactor">Redacts quoted lines.</param>
    public void AddResults(IEnumerable<ConversationMessage> messages, TaskRules rules, Redactor redactor)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(redactor);
        foreach (var result in messages.Where(m => !m.IsAssistant).SelectMany(m => m.ToolResults))
        {
            if (!_open.Remove(result.Id, out var place) || !_steps.TryGetValue(place.Step, out var step) || place.Call >= step.Calls.Count)
            {
                continue;
            }

            var failed = rules.IsFailure(result);
            var call = step.Calls[place.Call];
            step.Calls[place.Call] = call with { Result = failed ? CallResult.Failed : CallResult.Ok };
            if (!ToolNames.IsObservation(call.Tool) && VerificationText.Find(result.Content) is { } found)
            {
                step.Verifications.Add((place.Call, found.Passed, redactor.Redact(found.Quote)));
            }
        }
    }

    /// <summary>Takes a step's reply; null if there was none.</summary>
    /// <param name="index">Number of the step.</param>
    /// <param name="reply">The reply, or null.</param>
    /// <param name="stopReason">Its stop reason.</param>
    /// <param name="redactor">Redacts names of tools and arguments.</param>
    public void AddReply(int index, ConversationMessage? reply, string? stopReason, Redactor redactor)
    {
        ArgumentNullException.ThrowIfNull(redactor);
        Forget(index);
        var step = new StepPart { End = ReplyKinds.Of(reply, stopReason), StopReason = stopReason, TextLength = reply?.Text.Length ?? 0 };
        foreach (var call in reply?.ToolCalls ?? [])
        {
            if (!call.IsHosted)
            {
                _open[call.Id] = (index, step.Calls.Count);
            }

            // The server has answered its own tools' calls already.
            var result = call.Answer is not { } answer ? CallResult.None : answer.IsError == true ? CallResult.Failed : CallResult.Ok;
            step.Calls.Add(new CallOutline(index, redactor.Redact(call.Name), redactor.Redact(ArgumentKinds(call.Arguments)), Digest(call), result));
        }

        _steps[index] = step;
    }

    /// <summary>Notes that a step's content was not kept.</summary>
    public void Miss() => _isPartial = true;

    /// <summary>Forgets a step that another takes the place of.</summary>
    public void Forget(int index) => _steps.Remove(index);

    /// <summary>Takes what a client reports of the last step, in place of what it reported before.</summary>
    /// <param name="evidence">The report.</param>
    /// <param name="redactor">Redacts quotes.</param>
    public void Report(ReportedEvidence evidence, Redactor redactor)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ArgumentNullException.ThrowIfNull(redactor);
        _isInterrupted = evidence.IsInterrupted ?? _isInterrupted;
        if (evidence.Verifications is not { } verifications)
        {
            return;
        }

        var last = LastStep;
        var read = Build().Verifications.Where(v => !v.IsReported).Select(v => (v.Passed, v.Quote)).ToHashSet();
        _reported.Clear();
        foreach (var verification in verifications.TakeLast(ReportedEvidence.MaxVerifications))
        {
            // What the traffic shows already has its place among the calls.
            var quote = VerificationText.Shorten(redactor.Redact(verification.Quote));
            if (!read.Contains((verification.Passed, quote)))
            {
                _reported.Add((last, verification.Passed, quote));
            }
        }
    }

    /// <summary>Takes from a stored outline what the steps do not show: what clients reported, and everything if the content is erased.</summary>
    public void Restore(TrajectoryOutline stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        _isInterrupted = stored.IsInterrupted;
        if (_steps.Values.All(step => step is { Calls.Count: 0, End: ReplyKind.None }))
        {
            _steps.Clear();
            _stored = stored with { Verifications = [.. stored.Verifications.Where(v => !v.IsReported)] };
        }

        var last = LastStep;
        _reported.AddRange(stored.Verifications.Where(v => v.IsReported).Select(v => (v.Call < stored.Calls.Count ? Math.Min(last, stored.Calls[v.Call].Step) : last, v.Passed, v.Quote)));
    }

    /// <summary>The outline so far.</summary>
    public TrajectoryOutline Build()
    {
        var outline = _stored is null ? BuildSteps() : _steps.Count == 0 ? _stored : Join(_stored, BuildSteps());
        return outline with { Verifications = [.. outline.Verifications.Concat(_reported.Select(r => new VerificationOutline(Place(outline, r.Step), r.Passed, r.Quote) { IsReported = true })).OrderBy(v => v.Call)], IsInterrupted = _isInterrupted };
    }

    private int LastStep => _steps.Count > 0 ? _steps.Keys.Last() : _stored is { Calls: [.., { } call] } ? call.Step : 0;

    private static TrajectoryOutline Join(TrajectoryOutline earlier, TrajectoryOutline later)
    {
        var calls = earlier.Calls.Concat(later.Calls).ToList();
        var skipped = Math.Max(0, calls.Count - TrajectoryOutline.MaxCalls);
        return later with
        {
            Calls = calls[skipped..],
            Verifications = [.. earlier.Verifications.Concat(later.Verifications.Select(v => v with { Call = v.Call + earlier.Calls.Count })).Where(v => v.Call >= skipped).Select(v => v with { Call = v.Call - skipped })],
            TextLength = earlier.TextLength + later.TextLength,
        };
    }

    /// <summary>Index of the last call up to a step.</summary>
    private static int Place(TrajectoryOutline outline, int step) => Math.Max(0, outline.Calls.Count(call => call.Step <= step) - 1);

    private TrajectoryOutline BuildSteps()
    {
        var calls = new List<CallOutline>();
        var verifications = new List<VerificationOutline>();
        foreach (var step in _steps.Values)
        {
            verifications.AddRange(step.Verifications.Select(v => new VerificationOutline(calls.Count + v.Call, v.Passed, v.Quote)));
            calls.AddRange(step.Calls);
        }

        var skipped = Math.Max(0, calls.Count - TrajectoryOutline.MaxCalls);
        var last = _steps.Count == 0 ? null : _steps.Values.Last();
        return new TrajectoryOutline
        {
            Calls = skipped == 0 ? calls : calls[skipped..],
            Verifications = [.. verifications.Where(v => v.Call >= skipped).Select(v => v with { Call = v.Call - skipped })],
            End = last?.End ?? ReplyKind.None,
            StopReason = last?.StopReason,
            TextLength = _steps.Values.Sum(s => s.TextLength),
            IsPartial = _isPartial,
        };
    }

    /// <summary>Names and kinds of a call's arguments, sorted by name.</summary>
    private static string ArgumentKinds(string arguments)
    {
        try
        {
            using var json = JsonDocument.Parse(arguments);
            return json.RootElement.ValueKind != JsonValueKind.Object
                ? ""
                : string.Join(',', json.RootElement.EnumerateObject().Select(p => $"{p.Name}:{KindOf(p.Value)}").Order(StringComparer.Ordinal).Take(20));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Arguments that a token limit cut off, or half a surrogate in a name.
            return "";
        }
    }

    private static char KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => 's',
        JsonValueKind.Number => 'n',
        JsonValueKind.True or JsonValueKind.False => 'b',
        JsonValueKind.Object => 'o',
        JsonValueKind.Array => 'l',
        _ => 'z',
    };

    private static long Digest(ToolCall call) =>
        BinaryPrimitives.ReadInt64LittleEndian(XxHash64.Hash(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{call.Name}\0{call.Arguments}"))));

    private sealed class StepPart
    {
        public List<CallOutline> Calls { get; } = [];

        public List<(int Call, bool Passed, string Quote)> Verifications { get; } = [];

        public ReplyKind End { get; init; }

        public string? StopReason { get; init; }

        public int TextLength { get; init; }
    }
}
