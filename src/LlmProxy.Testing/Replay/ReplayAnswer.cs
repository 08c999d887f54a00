using System.Text;
using System.Text.Json;
using LlmProxy.Wire;

namespace LlmProxy.Testing.Replay;

/// <summary>A part of a response's body.</summary>
/// <param name="At">When it is due, since the response's head.</param>
/// <param name="Bytes">Its bytes.</param>
public readonly record struct ReplayFrame(TimeSpan At, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// A recorded response as it goes over the wire again, in the form that is asked for. It has the headers that a client
/// needs; hop-by-hop headers, request ids, cookies and rate limits of the recording would be wrong.
/// </summary>
public sealed class ReplayAnswer
{
    /// <summary>Content type of streams.</summary>
    public const string EventStream = "text/event-stream; charset=utf-8";

    private const string Json = "application/json";

    private ReplayAnswer(RecordedAnswer recorded, int status, string contentType, IReadOnlyList<ReplayFrame> frames, bool isStream)
    {
        Status = status;
        IsStream = isStream;
        BreaksOff = recorded.BreaksOff || recorded.Status == 0;

        // A whole response is there when the recorded stream had ended.
        FirstByte = (recorded.FirstByte ?? TimeSpan.Zero) + TimeSpan.FromMilliseconds(isStream ? 0 : recorded.Rhythm.DurationMs);
        Frames = frames;
        var headers = new List<KeyValuePair<string, string>> { new("Content-Type", contentType) };
        if (status >= 400)
        {
            // The SDKs of both vendors retry; the recording holds the final response.
            headers.Add(new("x-should-retry", "false"));
        }

        Headers = headers;
    }

    /// <summary>HTTP status; 0 if the connection breaks first.</summary>
    public int Status { get; }

    /// <summary>The response's headers.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; }

    /// <summary>Time from the request to the response's head.</summary>
    public TimeSpan FirstByte { get; }

    /// <summary>The body in order; for a stream one frame for each event.</summary>
    public IReadOnlyList<ReplayFrame> Frames { get; }

    /// <summary>Whether it comes as a stream.</summary>
    public bool IsStream { get; }

    /// <summary>Whether the connection breaks after the last frame.</summary>
    public bool BreaksOff { get; }

    /// <summary>The whole body.</summary>
    public byte[] Body => [.. Frames.SelectMany(frame => frame.Bytes.ToArray())];

    /// <summary>Makes the response to a call.</summary>
    /// <param name="call">The recorded call.</param>
    /// <param name="asStream">Whether a stream is asked for; errors come whole all the same.</param>
    /// <param name="asArray">Whether a stream is one JSON array (see <see cref="IDialect.StreamsAsArray"/>).</param>
    public static ReplayAnswer Of(RecordedCall call, bool asStream, bool asArray = false)
    {
        var recorded = call.Answer;
        var dialect = DialectCatalog.Get(call.Dialect);
        if (recorded.Status == 0)
        {
            return new ReplayAnswer(recorded, 0, Json, [], false);
        }

        if (recorded.IsError || recorded.Reply is not { } reply)
        {
            var status = recorded.Status >= 400 ? recorded.Status : 502;
            return Whole(recorded, status, recorded.ErrorBody is { } body ? Encoding.UTF8.GetBytes(body) : dialect.FormatError(status, "The recorded call returned this status; its body was not kept."));
        }

        if (!asStream)
        {
            return Whole(recorded, recorded.Status, dialect.WriteReply(reply));
        }

        var events = dialect.WriteEvents(reply);
        return asArray
            ? Stream(recorded, Json, ArrayOf(events, reply.IsComplete))
            : Stream(recorded, EventStream, [.. events.Select(e => e.ToBytes())]);
    }

    /// <summary>An error of the replay itself, in the call's dialect.</summary>
    public static ReplayAnswer Unrecorded(DialectKind dialect, string message) =>
        Whole(new RecordedAnswer { Status = 404 }, 404, DialectCatalog.Get(dialect).FormatError(404, message));

    private static ReplayAnswer Whole(RecordedAnswer recorded, int status, byte[] body) =>
        new(recorded, status, IsJson(body) ? Json : "text/plain; charset=utf-8", [new ReplayFrame(TimeSpan.Zero, body)], false);

    private static ReplayAnswer Stream(RecordedAnswer recorded, string contentType, IReadOnlyList<byte[]> frames)
    {
        var all = (double)frames.Sum(frame => frame.Length);
        var sent = 0L;
        var timed = new List<ReplayFrame>(frames.Count);
        foreach (var frame in frames)
        {
            sent += frame.Length;
            timed.Add(new ReplayFrame(recorded.Rhythm.TimeAt(sent / all), frame));
        }

        return new ReplayAnswer(recorded, recorded.Status, contentType, timed, true);
    }

    private static List<byte[]> ArrayOf(IReadOnlyList<ReplyEvent> events, bool isComplete)
    {
        var frames = events.Select((e, i) => (byte[])[.. i == 0 ? "["u8 : ",\r\n"u8, .. e.Data.Span]).ToList();
        if (isComplete && frames.Count > 0)
        {
            frames[^1] = [.. frames[^1], .. "]"u8];
        }

        return frames;
    }

    private static bool IsJson(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
