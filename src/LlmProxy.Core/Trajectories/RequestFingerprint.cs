using System.Buffers.Binary;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// The parts of a request outside of its history, as keys: its first system message and its tools. No key to a task (prompts hold
/// clocks), but of several tasks whose histories are equal the one with the same frame is meant: agents with different
/// instructions get the same question, and servers give the same ids out again.
/// </summary>
/// <param name="Prompt">Key of the first system message.</param>
/// <param name="Tools">Key of the tools offered.</param>
public readonly record struct RequestFingerprint(TurnKey Prompt, TurnKey Tools)
{
    // Of each text its length and both ends: every call would pay for more, and only a tie is decided by it.
    private const int EndBytes = 1024;

    internal static RequestFingerprint Of(RequestReading reading, TurnKeys keys)
    {
        var prompt = reading.SystemTexts;
        return new RequestFingerprint(
            Key(reading, keys, prompt.Where(t => t.Message == prompt[0].Message).Select(t => t.Literal)),
            Key(reading, keys, reading.ToolPlaces));
    }

    /// <summary>How well a task's frame, where it is known, goes with a call's: the tools, then the prompt.</summary>
    internal static (int Tools, int Prompt) Likeness(RequestFingerprint? known, RequestFingerprint call) =>
        known is not { } frame ? (1, 1) : (frame.Tools == call.Tools ? 2 : 0, frame.Prompt == call.Prompt ? 2 : 0);

    private static TurnKey Key(RequestReading reading, TurnKeys keys, IEnumerable<ByteRange> places)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var place in places)
        {
            var bytes = reading.Body.Span.Slice(place.Start, place.Length);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            keys.Append(length);
            keys.Append(bytes[..Math.Min(bytes.Length, EndBytes)]);
            keys.Append(bytes[Math.Max(bytes.Length - EndBytes, 0)..]);
        }

        return keys.Take();
    }
}
