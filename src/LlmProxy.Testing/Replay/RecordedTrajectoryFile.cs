using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.Testing.Replay;

/// <summary>
/// Recorded runs as JSON files. Format 1:
/// <code>
/// { "format": "llmproxy-run/1", "name": "…", "task": "…", "calls": [ {
///     "dialect": "anthropic-messages | openai-chat | openai-responses | gemini",
///     "request": { "model": "…, with * at its end any that begins so; left out: any", "lastText": "…", "results": ["call id"] },
///     "answer": { "status": 200, "stream": true, "firstByteMs": 310, "rhythm": "0:412,40:80",
///                 "id": "…", "model": "…", "stopReason": "…", "usage": { "input", "output", "cacheRead", "cacheWrite", "reasoning" },
///                 "message": { the reply in the dialect's own form }, "incomplete": true, "breaksOff": true, "error": …, "body": … } } ] }
/// </code>
/// A reply is kept put together, not event by event: a person can read and edit it, a difference shows what the model said
/// otherwise and not how a server cut it, and one reply answers requests for streams and for whole responses. The events
/// are made anew in the dialect's grammar.
/// </summary>
public static class RecordedTrajectoryFile
{
    /// <summary>What <c>format</c> says.</summary>
    public const string Format = "llmproxy-run/1";

    // Deeper than any request that is recorded.
    private const int MaxDepth = 10_200;

    // Readers of JSON give up at 64 levels by default.
    private const int MaxMessageDepth = 50;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = MaxDepth };
    private static readonly JsonSerializerOptions Plain = new() { MaxDepth = MaxDepth };
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = MaxDepth };

    /// <summary>The run as text; ends with a line end.</summary>
    /// <param name="run">The run.</param>
    /// <param name="withTiming">Whether pauses are written: they differ in each recording.</param>
    public static string Write(RecordedTrajectory run, bool withTiming = true) => new JsonObject
    {
        ["format"] = Format,
        ["name"] = run.Name,
        ["task"] = run.Task,
        ["calls"] = new JsonArray([.. run.Calls.Select(call => Write(call, withTiming))]),
    }.ToJsonString(Indented) + "\n";

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">It is no recorded run; the message names the place.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static RecordedTrajectory ReadFile(string path)
    {
        try
        {
            return Read(File.ReadAllText(path));
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Reads <see cref="Write(RecordedTrajectory, bool)"/> back.</summary>
    /// <exception cref="InvalidDataException">The text is no recorded run; the message names the place.</exception>
    public static RecordedTrajectory Read(string json)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(json, null, Reading);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"The file is not valid JSON: {error.Message}", error);
        }

        if (root is not JsonObject file || Text(file, "format", "the file") is not { } format)
        {
            throw new InvalidDataException($"The file is not a recorded run: \"format\" must be \"{Format}\".");
        }

        if (format != Format)
        {
            throw new InvalidDataException($"Its format is \"{format}\"; this version reads \"{Format}\".");
        }

        var calls = file["calls"] as JsonArray ?? throw new InvalidDataException("\"calls\" must be a list.");
        return new RecordedTrajectory
        {
            Name = Text(file, "name", "the file") ?? "run",
            Task = Text(file, "task", "the file") ?? "",
            Calls = [.. calls.Select((call, i) => ReadCall(call, string.Create(CultureInfo.InvariantCulture, $"calls[{i}]")))],
        };
    }

    private static JsonObject Write(RecordedCall call, bool withTiming)
    {
        var request = new JsonObject();
        Add(request, "model", call.Request.Model);
        Add(request, "lastText", call.Request.LastText);
        if (call.Request.Results.Count > 0)
        {
            request["results"] = new JsonArray([.. call.Request.Results.Select(id => JsonValue.Create(id))]);
        }

        return new JsonObject
        {
            ["dialect"] = DialectCatalog.Get(call.Dialect).Name,
            ["request"] = request,
            ["answer"] = Write(call.Answer, withTiming),
        };
    }

    private static JsonObject Write(RecordedAnswer answer, bool withTiming)
    {
        var json = new JsonObject { ["status"] = answer.Status };
        if (answer.IsStream is { } isStream)
        {
            json["stream"] = isStream;
        }

        if (withTiming)
        {
            Add(json, "firstByteMs", answer.FirstByte is { } first ? (long)first.TotalMilliseconds : null);
            Add(json, "rhythm", answer.Rhythm.Pieces.Count > 0 ? answer.Rhythm.ToString() : null);
        }

        if (answer.Reply is { } reply)
        {
            Add(json, "id", reply.ResponseId);
            Add(json, "model", reply.Model);
            Add(json, "stopReason", reply.StopReason);
            Add(json, "refusal", reply.Refusal);
            if (reply.HasUsage)
            {
                json["usage"] = Write(reply.Usage);
            }

            json["message"] = ToNode(reply.Message.Json);
            Add(json, "error", reply.Error);
            Add(json, "incomplete", reply.IsComplete || reply.Error is not null ? null : true);
        }

        if (answer.ErrorBody is { } body)
        {
            json["body"] = TryParse(body) ?? JsonValue.Create(body);
        }

        Add(json, "breaksOff", answer.BreaksOff ? true : null);
        return json;
    }

    private static JsonObject Write(TokenUsage usage)
    {
        var json = new JsonObject { ["input"] = usage.Input, ["output"] = usage.Output };
        Add(json, "cacheRead", usage.CacheRead == 0 ? null : usage.CacheRead);
        Add(json, "cacheWrite", usage.CacheWrite == 0 ? null : usage.CacheWrite);
        Add(json, "longCacheWrite", usage.LongCacheWrite == 0 ? null : usage.LongCacheWrite);
        Add(json, "reasoning", usage.Reasoning == 0 ? null : usage.Reasoning);
        return json;
    }

    private static RecordedCall ReadCall(JsonNode? node, string place)
    {
        if (node is not JsonObject call || call["answer"] is not JsonObject answer)
        {
            throw new InvalidDataException($"{place} must be an object with \"dialect\", \"request\" and \"answer\".");
        }

        var name = Text(call, "dialect", place);
        var dialect = DialectCatalog.Find(name)
            ?? throw new InvalidDataException($"{place}.dialect is \"{name}\"; it must be one of {string.Join(", ", DialectCatalog.All.Select(known => known.Name))}.");
        var request = call["request"] as JsonObject ?? [];
        var marks = new CallMarks
        {
            Model = Text(request, "model", place + ".request"),
            LastText = Text(request, "lastText", place + ".request"),
            Results = [.. (request["results"] as JsonArray ?? []).Select(id => id is JsonValue value && value.TryGetValue(out string? text) ? text : throw new InvalidDataException($"{place}.request.results must be a list of texts."))],
        };
        return new RecordedCall(dialect.Kind, marks, ReadAnswer(dialect, answer, place + ".answer"));
    }

    private static RecordedAnswer ReadAnswer(IDialect dialect, JsonObject answer, string place)
    {
        var body = answer["body"];
        var message = answer["message"];
        return new RecordedAnswer
        {
            Status = (int)(Number(answer, "status", place) ?? 200),
            IsStream = Flag(answer, "stream", place),
            FirstByte = Number(answer, "firstByteMs", place) is { } first ? TimeSpan.FromMilliseconds(first) : null,
            Rhythm = StreamRhythm.Parse(Text(answer, "rhythm", place)),
            Reply = message is null ? null : new AssembledReply
            {
                ResponseId = Text(answer, "id", place),
                Model = Text(answer, "model", place),
                StopReason = Text(answer, "stopReason", place),
                Refusal = Text(answer, "refusal", place),
                Usage = answer["usage"] is JsonObject usage ? ReadUsage(usage, place + ".usage") : TokenUsage.None,
                HasUsage = answer["usage"] is JsonObject,
                Message = dialect.ReadMessage(Encoding.UTF8.GetBytes(message is JsonValue value && value.TryGetValue(out string? kept) ? kept : message.ToJsonString(Plain))),
                Error = Text(answer, "error", place),
                IsComplete = Flag(answer, "incomplete", place) != true && answer["error"] is null,
            },
            ErrorBody = body is JsonValue text && text.TryGetValue(out string? raw) ? raw : body?.ToJsonString(Plain),
            BreaksOff = Flag(answer, "breaksOff", place) == true,
        };
    }

    private static TokenUsage ReadUsage(JsonObject usage, string place) => new(
        Number(usage, "input", place) ?? 0,
        Number(usage, "output", place) ?? 0,
        Number(usage, "cacheRead", place) ?? 0,
        Number(usage, "cacheWrite", place) ?? 0,
        Number(usage, "reasoning", place) ?? 0)
    { LongCacheWrite = Number(usage, "longCacheWrite", place) ?? 0 };

    private static void Add(JsonObject json, string name, JsonNode? value)
    {
        if (value is not null)
        {
            json[name] = value;
        }
    }

    /// <summary>A message; as one text if JSON writers refuse it (half a surrogate pair, broken UTF-8) or clients would (its depth).</summary>
    private static JsonNode? ToNode(ReadOnlyMemory<byte> json) =>
        IsPlain(json.Span) ? JsonNode.Parse(json.Span, null, Reading) : JsonValue.Create(Encoding.UTF8.GetString(json.Span));

    private static bool IsPlain(ReadOnlySpan<byte> json) => Utf8.IsValid(json) && !JsonDepth.IsOver(json, MaxMessageDepth) && !JsonText.HasHalfPair(json);

    private static JsonNode? TryParse(string text)
    {
        try
        {
            return IsPlain(Encoding.UTF8.GetBytes(text)) ? JsonNode.Parse(text, null, Reading) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonObject json, string name, string place) =>
        Value<string>(json, name, place, "a text");

    private static bool? Flag(JsonObject json, string name, string place) =>
        json[name] is null ? null : Value<bool>(json, name, place, "true or false");

    private static long? Number(JsonObject json, string name, string place) =>
        json[name] is null ? null : Value<long>(json, name, place, "a whole number");

    private static T? Value<T>(JsonObject json, string name, string place, string kind) => json[name] switch
    {
        null => default,
        JsonValue value when value.TryGetValue(out T? found) => found,
        _ => throw new InvalidDataException($"{place}.{name} must be {kind}."),
    };
}
