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

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Name in files: <c>step-01</c>, or <c>step-01-whole</c> where a step has both forms.</summary>
    public required string Name { get; init; }

    /// <summary>Name for people.</summary>
    public required string Title { get; init; }

    /// <summary>An id that is the same for every export of the step.</summary>
    public required Guid Id { get; init; }

    /// <summary>The scenario.</summary>
    public required string Scenario { get; init; }

    /// <summary>The state in which it answers; null for the first.</summary>
    public required string? State { get; init; }

    /// <summary>The state behind it; the last has one too, since a scenario of WireMock.Net without one never starts or is over at once.</summary>
    public required string NextState { get; init; }

    /// <summary>The recorded call.</summary>
    public required RecordedCall Call { get; init; }

    /// <summary>What it answers.</summary>
    public required ReplayAnswer Answer { get; init; }

    /// <summary>Whether recorded pauses are kept.</summary>
    public required bool WithPauses { get; init; }

    /// <summary>Whether it is for requests that want a stream; null where the request does not tell or both get the same.</summary>
    public required bool? ForStream { get; init; }

    /// <summary>The whole path, whatever stands before its end: a base URL may have segments of its own.</summary>
    public string PathPattern => Call.Dialect switch
    {
        DialectKind.AnthropicMessages => "(/.*)?/messages",
        DialectKind.OpenAiChat => "(/.*)?/chat/completions",
        DialectKind.OpenAiResponses => "(/.*)?/responses",
        _ => $"(/.*)?/models/{GeminiModel}(:|%3A){(ForStream is null ? "(generateContent|streamGenerateContent)" : ForStream == true ? "streamGenerateContent" : "generateContent")}",
    };

    /// <summary>The model in the body, without a star; null where it may be any or stands in the path.</summary>
    public string? BodyModel => Call.Dialect == DialectKind.Gemini ? null : Call.Request.Model?.TrimEnd('*');

    /// <summary>Whether any text may follow <see cref="BodyModel"/>.</summary>
    public bool IsModelOpen => Call.Request.Model?.EndsWith(CallMarks.AnyEnd, StringComparison.Ordinal) == true;

    /// <summary>Whether a member <c>stream</c> of the body tells the form.</summary>
    public bool HasStreamFlag => Call.Dialect != DialectKind.Gemini && ForStream is not null;

    /// <summary>JSONPath expressions that find something: the results which the call brings.</summary>
    public IEnumerable<string> ResultPaths => Call.Request.Results.Distinct(StringComparer.Ordinal).Select(id => Call.Dialect switch
    {
        DialectKind.AnthropicMessages => $"$..[?(@.tool_use_id == '{Escape(id)}')]",
        DialectKind.OpenAiChat => $"$..[?(@.tool_call_id == '{Escape(id)}')]",
        DialectKind.OpenAiResponses => $"$.input[?(@.call_id == '{Escape(id)}' && @.output)]",
        _ => $"$.contents[*].parts[?(@.functionResponse.name == '{Escape(id)}')]",
    });

    /// <summary>Name of the body's file.</summary>
    public string BodyFile => Name + (Answer.IsStream ? ".sse" : Answer.Headers[0].Value.Contains("json", StringComparison.Ordinal) ? ".json" : ".txt");

    /// <summary>From the first byte of a stream to its last.</summary>
    public TimeSpan StreamTime => Answer.Frames.Count == 0 ? TimeSpan.Zero : Answer.Frames[^1].At;

    private string GeminiModel => Call.Request.Model is { } model ? Regex.Escape(model.TrimEnd('*')) + (IsModelOpen ? "[^/:]*" : "") : "[^/]+";

    /// <summary>The mappings of a step: one, or one for each form where the recorded form is not known.</summary>
    public static IEnumerable<StubStep> Of(RecordedRun run, int number, bool withPauses)
    {
        var call = run.Calls[number - 1];
        bool?[] forms = call.Answer.IsError ? [null] : call.Answer.IsStream is { } recorded ? [recorded] : [true, false];
        foreach (var form in forms)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"step-{number:D2}") + (forms.Length > 1 ? form == true ? "-stream" : "-whole" : "");
            var scenario = "replay of " + run.Name;
            yield return new StubStep
            {
                Name = name,
                Title = string.Create(CultureInfo.InvariantCulture, $"{run.Name}, step {number} of {run.Calls.Count}") + (forms.Length > 1 ? form == true ? ", as a stream" : ", whole" : ""),
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
