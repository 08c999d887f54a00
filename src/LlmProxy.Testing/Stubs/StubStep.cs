using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LlmProxy.Testing.Replay;
using LlmProxy.Wire;

namespace LlmProxy.Testing.Stubs;

/// <summary>One mapping, as both flavors need it: a step of the run in one of its forms.</summary>
internal sealed record StubStep
{
    private const string LastState = "done";
    private const string Again = "-again";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Name in files: <c>step-01-stream</c> and <c>step-01-whole</c>, or <c>step-01</c> for an error.</summary>
    public required string Name { get; init; }

    /// <summary>Name for people.</summary>
    public required string Title { get; init; }

    /// <summary>An id that is the same for every export of the step.</summary>
    public required Guid Id { get; init; }

    /// <summary>The scenario.</summary>
    public required string Scenario { get; init; }

    /// <summary>The state in which it answers; null for the first.</summary>
    public required string? State { get; init; }

    /// <summary>The state after it; the last has one too, since a scenario of WireMock.Net without one never starts or is over at once.</summary>
    public required string NextState { get; init; }

    /// <summary>The recorded call.</summary>
    public required RecordedCall Call { get; init; }

    /// <summary>What it answers.</summary>
    public required ReplayAnswer Answer { get; init; }

    /// <summary>Whether recorded pauses are kept.</summary>
    public required bool WithPauses { get; init; }

    /// <summary>Whether it is for requests that want a stream; null if both forms get the same.</summary>
    public required bool? ForStream { get; init; }

    /// <summary>Whether it answers the first call of another run after the last step.</summary>
    public bool StartsAnew { get; private init; }

    /// <summary>A regular expression of the whole path.</summary>
    public string PathPattern => ForStream switch
    {
        true => Patterns.StreamPath(ModelPattern),
        false => Patterns.WholePath(ModelPattern),
        null => Patterns.AnyPath(ModelPattern),
    };

    /// <summary>The model in the body, without a star; null if it may be any or the path holds it.</summary>
    public string? BodyModel => Patterns.AreInBody ? Call.Request.Model?.TrimEnd('*') : null;

    /// <summary>Whether any text may follow <see cref="BodyModel"/>.</summary>
    public bool IsModelOpen => Call.Request.Model?.EndsWith(CallMarks.AnyEnd, StringComparison.Ordinal) == true;

    /// <summary>Whether a member <c>stream</c> of the body selects the form.</summary>
    public bool HasStreamFlag => Patterns.AreInBody && ForStream is not null;

    /// <summary>JSONPath expressions that find something: the results which the call brings.</summary>
    public IEnumerable<string> ResultPaths => Call.Request.Results.Distinct(StringComparer.Ordinal).Select(id => Patterns.ResultOf($"'{Escape(id)}'"));

    /// <summary>
    /// A JSONPath expression that finds nothing, or null: a call too many at the end of a run brings the run's results
    /// and must not be taken for the first call of the next run.
    /// </summary>
    public string? AbsentPath => StartsAnew && Call.Request.Results.Count == 0 ? Patterns.AnyResult : null;

    /// <summary>Name of the body's file.</summary>
    public string BodyFile => (StartsAnew ? Name[..^Again.Length] : Name) + (Answer.IsStream ? ".sse" : Answer.Headers[0].Value.Contains("json", StringComparison.Ordinal) ? ".json" : ".txt");

    /// <summary>From the first byte of a stream to its last.</summary>
    public TimeSpan StreamTime => Answer.Frames.Count == 0 ? TimeSpan.Zero : Answer.Frames[^1].At;

    private RequestPatterns Patterns => DialectCatalog.Get(Call.Dialect).Patterns;

    private string ModelPattern => Call.Request.Model is { } model ? Regex.Escape(model.TrimEnd('*')) + (IsModelOpen ? "[^/:]*" : "") : "[^/]+";

    /// <summary>
    /// The mappings of a run. A step has one for each form, whichever was recorded; an error has one for both. The first
    /// step has them once more for the state after the last one, so that the next run begins without a reset.
    /// </summary>
    public static IEnumerable<StubStep> Of(RecordedTrajectory run, bool withPauses) =>
        Enumerable.Range(1, run.Calls.Count).SelectMany(number => Of(run, number, withPauses))
            .Concat(run.Calls.Take(1).SelectMany(_ => Of(run, 1, withPauses)).Select(first => first with
            {
                Name = first.Name + Again,
                Title = first.Title + ", of the next run",
                Id = IdOf(first.Scenario, first.Name + Again),
                State = LastState,
                StartsAnew = true,
            }));

    private static IEnumerable<StubStep> Of(RecordedTrajectory run, int number, bool withPauses)
    {
        var call = run.Calls[number - 1];
        var scenario = "replay of " + run.Name;
        foreach (var form in call.Answer.IsError ? (bool?[])[null] : [true, false])
        {
            var (suffix, words) = form switch { true => ("-stream", ", as a stream"), false => ("-whole", ", whole"), null => ("", "") };
            var name = StateOf(number) + suffix;
            yield return new StubStep
            {
                Name = name,
                Title = string.Create(CultureInfo.InvariantCulture, $"{run.Name}, step {number} of {run.Calls.Count}{words}"),
                Id = IdOf(scenario, name),
                Scenario = scenario,
                State = number == 1 ? null : StateOf(number),
                NextState = number == run.Calls.Count ? LastState : StateOf(number + 1),
                Call = call,
                Answer = ReplayAnswer.Of(call, form == true),
                WithPauses = withPauses,
                ForStream = form,
            };
        }
    }

    /// <summary>JSON for a file.</summary>
    public static byte[] ToFile(JsonNode json) => Encoding.UTF8.GetBytes(json.ToJsonString(Indented) + "\n");

    private static string StateOf(int number) => string.Create(CultureInfo.InvariantCulture, $"step-{number:D2}");

    private static Guid IdOf(string scenario, string name) => new(SHA256.HashData(Encoding.UTF8.GetBytes(scenario + "\n" + name)).AsSpan(0, 16));

    private static string Escape(string id) => id.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal);
}
