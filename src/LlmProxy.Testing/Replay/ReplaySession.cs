using System.Globalization;
using LlmProxy.Wire;

namespace LlmProxy.Testing.Replay;

/// <summary>How exactly a call must be the recorded one.</summary>
public enum ReplayMode
{
    /// <summary>
    /// A recorded call is answered once, to a request of the same dialect and model that brings the same tool results
    /// and the same last text.
    /// </summary>
    Strict,

    /// <summary>
    /// The recorded call that comes nearest is answered: same tool results before same text before the next one in
    /// order; the model does not matter. What was answered before is answered again where nothing else is left.
    /// </summary>
    Loose,
}

/// <summary>A call for which there is no recording.</summary>
/// <param name="Call">What came, for people.</param>
/// <param name="Nearest">Number of the recorded call that comes nearest, or null where none is left.</param>
/// <param name="Reason">Why that one is not it.</param>
public sealed record UnrecordedCall(string Call, int? Nearest, string Reason);

/// <summary>What a request gets.</summary>
/// <param name="Call">The recorded call, or null.</param>
/// <param name="Number">Its number from 1.</param>
/// <param name="Unrecorded">Why there is none, or null.</param>
public sealed record ReplayMatch(RecordedCall? Call, int Number, UnrecordedCall? Unrecorded);

/// <summary>One replay of a recorded run: which recorded call answers which request. Safe for concurrent use.</summary>
public sealed class ReplaySession(RecordedTrajectory run, ReplayMode mode)
{
    private readonly Lock _lock = new();
    private readonly bool[] _made = new bool[run.Calls.Count];
    private readonly List<UnrecordedCall> _unrecorded = [];

    /// <summary>What is replayed.</summary>
    public RecordedTrajectory Run => run;

    /// <summary>Numbers, from 1, of recorded calls that were not made yet.</summary>
    public IReadOnlyList<int> NotMade
    {
        get
        {
            lock (_lock)
            {
                return [.. Enumerable.Range(1, _made.Length).Where(number => !_made[number - 1])];
            }
        }
    }

    /// <summary>Calls that had no recording.</summary>
    public IReadOnlyList<UnrecordedCall> Unrecorded
    {
        get
        {
            lock (_lock)
            {
                return [.. _unrecorded];
            }
        }
    }

    /// <summary>Finds the response to a call.</summary>
    public ReplayMatch Take(IncomingReplayCall incoming)
    {
        lock (_lock)
        {
            var found = mode == ReplayMode.Strict ? FindSame(incoming) : FindNearest(incoming);
            if (found >= 0)
            {
                _made[found] = true;
                return new ReplayMatch(run.Calls[found], found + 1, null);
            }

            var missed = Miss(incoming);
            _unrecorded.Add(missed);
            return new ReplayMatch(null, 0, missed);
        }
    }

    /// <summary>A recorded call for people, such as <c>call 3 (anthropic, claude-sonnet-4-5): results of toolu_1</c>.</summary>
    public string Describe(int number)
    {
        var call = run.Calls[number - 1];
        return string.Create(CultureInfo.InvariantCulture, $"call {number} {Describe(call.Dialect, call.Request)}");
    }

    private int FindSame(IncomingReplayCall incoming)
    {
        return Enumerable.Range(0, _made.Length).Where(i => !_made[i] && WhyNot(run.Calls[i], incoming) is null).FirstOrDefault(-1);
    }

    private int FindNearest(IncomingReplayCall incoming)
    {
        return Enumerable.Range(0, _made.Length)
            .Where(i => run.Calls[i].Dialect == incoming.Dialect && Score(i, incoming) >= 0)
            .OrderByDescending(i => Score(i, incoming))
            .FirstOrDefault(-1);
    }

    /// <summary>How near a recorded call comes; the first of equals is the next in order.</summary>
    private int Score(int index, IncomingReplayCall incoming)
    {
        var marks = run.Calls[index].Request;
        var sameResults = marks.AllowsResults(incoming.Marks);
        var sameText = marks.AllowsText(incoming.Marks);
        if (_made[index] && !(sameResults && sameText))
        {
            return -1;
        }

        return (sameResults ? 4 : 0) + (sameText ? 2 : 0) + (_made[index] ? 0 : 1);
    }

    private UnrecordedCall Miss(IncomingReplayCall incoming)
    {
        var said = Describe(incoming.Dialect, incoming.Marks);
        var left = Enumerable.Range(0, _made.Length).Where(i => !_made[i]).ToList();
        if (left.Count == 0)
        {
            return new UnrecordedCall(said, null, string.Create(CultureInfo.InvariantCulture, $"all {_made.Length} recorded calls were made already"));
        }

        var nearest = left.OrderByDescending(i => run.Calls[i].Dialect == incoming.Dialect ? 1 : 0).ThenByDescending(i => Score(i, incoming)).First();
        return new UnrecordedCall(said, nearest + 1, WhyNot(run.Calls[nearest], incoming) ?? "");
    }

    private static string? WhyNot(RecordedCall call, IncomingReplayCall incoming)
    {
        var reasons = new List<string>();
        if (call.Dialect != incoming.Dialect)
        {
            return $"it speaks {DialectCatalog.Get(call.Dialect).Name}, the request {DialectCatalog.Get(incoming.Dialect).Name}";
        }

        if (!call.Request.AllowsModel(incoming.Marks.Model))
        {
            reasons.Add($"the model is {incoming.Marks.Model ?? "missing"}, recorded was {call.Request.Model}");
        }

        if (!call.Request.AllowsResults(incoming.Marks))
        {
            reasons.Add($"it brings {ResultsOf(incoming.Marks)}, recorded were {ResultsOf(call.Request)}");
        }

        if (!call.Request.AllowsText(incoming.Marks))
        {
            var (sent, recorded) = (Line(incoming.Marks.LastText), Line(call.Request.LastText));
            var from = WhereTheyPart(sent, recorded);
            reasons.Add($"its last text is {Quote(sent, from)}, recorded was {Quote(recorded, from)}");
        }

        return reasons.Count == 0 ? null : string.Join("; ", reasons);
    }

    private static string Describe(DialectKind dialect, CallMarks marks)
    {
        var what = marks.Results.Count > 0 ? ResultsOf(marks) : Quote(marks.LastText);
        return $"({DialectCatalog.Get(dialect).Name}, {marks.Model ?? "any model"}): {what}";
    }

    private static string ResultsOf(CallMarks marks) => marks.Results.Count == 0 ? "no tool results" : "results of " + string.Join(", ", marks.Results);

    private static string? Line(string? text) => text is null ? null : string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Where two long texts are quoted from, so that what differs is seen: some words before it.</summary>
    private static int WhereTheyPart(string? one, string? other)
    {
        const int Before = 40;
        var same = (one ?? "").AsSpan().CommonPrefixLength(other ?? "");
        return same <= Before ? 0 : (one ?? "").LastIndexOf(' ', same - Before) + 1;
    }

    private static string Quote(string? text, int from = 0)
    {
        const int Longest = 120;
        if (Line(text) is not { } line)
        {
            return "no text";
        }

        var rest = line[Math.Min(from, line.Length)..];
        return $"\"{(from > 0 ? "…" : "")}{(rest.Length <= Longest ? rest : rest[..(Longest - 1)] + "…")}\"";
    }
}
