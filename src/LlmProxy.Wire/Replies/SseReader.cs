using System.Text;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Replies;

/// <summary>
/// Reads server-sent events (html.spec.whatwg.org, section 9.2.6) from bytes as they are pushed.
/// </summary>
/// <remarks>
/// System.Net.ServerSentEvents pulls from a <see cref="Stream"/>; to push bytes into it one needs a pipe and a second
/// thread of execution per answer, and the keys of a response must be known in the call that hands over its last
/// chunk. Hence this reader. It is more lenient in two points: a line that is a bare JSON object is an event (some
/// servers report an error so), and an event whose closing blank line never came can be taken when the response is over.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable",
    Justification = "An assembler ends with its last reference; the buffers go to the garbage collector instead of the pool.")]
internal sealed class SseReader(SseReader.EventHandler onEvent)
{
    private readonly ByteBuffer _line = new();
    private readonly ByteBuffer _data = new();
    private string? _event;
    private bool _hasData;
    private bool _skipLineFeed;
    private bool _lineWasTaken;

    /// <summary>Takes an event; the data is only valid during the call.</summary>
    public delegate void EventHandler(string? name, ReadOnlyMemory<byte> data);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (_skipLineFeed)
            {
                _skipLineFeed = false;
                if (bytes[0] == '\n')
                {
                    bytes = bytes[1..];
                    continue;
                }
            }

            var end = bytes.IndexOfAny((byte)'\r', (byte)'\n');
            if (end < 0)
            {
                _line.Append(bytes);
                return;
            }

            _line.Append(bytes[..end]);
            _skipLineFeed = bytes[end] == '\r';
            bytes = bytes[(end + 1)..];
            if (!_lineWasTaken)
            {
                OnLine(_line.Span);
            }

            _lineWasTaken = false;
            _line.Clear();
        }
    }

    /// <summary>
    /// Takes what is there of an event that was not closed, if it is a whole JSON object. For the end of a response,
    /// which may yet turn out not to be the end.
    /// </summary>
    public void Flush()
    {
        if (_line.Length > 0 && !_lineWasTaken && !_hasData && IsWhole(ValueOf(_line.Span, "data"u8)))
        {
            OnLine(_line.Span);
            _lineWasTaken = true;
        }

        if (_hasData && IsWhole(_data.Span))
        {
            Dispatch();
        }
    }

    private static bool IsWhole(ReadOnlySpan<byte> data)
    {
        using var document = data.StartsWith("{"u8) ? LenientJson.Parse(data.ToArray()) : null;
        return document is not null || data.SequenceEqual("[DONE]"u8);
    }

    private static ReadOnlySpan<byte> ValueOf(ReadOnlySpan<byte> line, ReadOnlySpan<byte> field)
    {
        if (!line.StartsWith(field) || line.Length <= field.Length || line[field.Length] != ':')
        {
            return default;
        }

        var value = line[(field.Length + 1)..];
        return value.StartsWith(" "u8) ? value[1..] : value;
    }

    private void OnLine(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty)
        {
            Dispatch();
        }
        else if (line.StartsWith("data:"u8))
        {
            if (_hasData)
            {
                _data.Append((byte)'\n');
            }

            _hasData = true;
            _data.Append(ValueOf(line, "data"u8));
        }
        else if (line.StartsWith("event:"u8))
        {
            _event = Encoding.UTF8.GetString(ValueOf(line, "event"u8));
        }
        else if (line[0] == '{')
        {
            onEvent(null, line.ToArray());
        }
        else if (line.StartsWith("error:"u8))
        {
            // llama.cpp reports an error so.
            onEvent("error", ValueOf(line, "error"u8).ToArray());
        }
    }

    private void Dispatch()
    {
        if (_hasData)
        {
            onEvent(_event, _data.Memory);
        }

        _hasData = false;
        _event = null;
        _data.Clear();
    }
}
