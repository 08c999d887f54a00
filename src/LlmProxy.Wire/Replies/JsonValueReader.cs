using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Replies;

/// <summary>
/// Cuts pushed bytes into JSON objects: one object, objects one after the other, or the elements of one array as
/// they come (Gemini streams such an array).
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable",
    Justification = "An assembler ends with its last reference; the buffers go to the garbage collector instead of the pool.")]
internal sealed class JsonValueReader(Action<ReadOnlyMemory<byte>> onValue, Action onArrayEnd)
{
    private readonly ByteBuffer _value = new();
    private int _depth;
    private bool _inArray;
    private bool _inString;
    private bool _escaped;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        var start = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (_inString)
            {
                if (_escaped)
                {
                    _escaped = false;
                    continue;
                }

                var stop = bytes[i..].IndexOfAny((byte)'"', (byte)'\\');
                if (stop < 0)
                {
                    break;
                }

                i += stop;
                _escaped = bytes[i] == '\\';
                _inString = _escaped;
                continue;
            }

            switch (bytes[i])
            {
                case (byte)'"':
                    _inString = _depth > 0;
                    break;
                case (byte)'[' when _depth == 0:
                    _inArray = true;
                    break;
                case (byte)']' when _depth == 0:
                    if (_inArray)
                    {
                        _inArray = false;
                        onArrayEnd();
                    }

                    break;
                case (byte)'{' or (byte)'[':
                    if (_depth++ == 0)
                    {
                        start = i;
                    }

                    break;
                case (byte)'}' or (byte)']':
                    if (_depth > 0 && --_depth == 0)
                    {
                        _value.Append(bytes[start..(i + 1)]);
                        onValue(_value.Memory);
                        _value.Clear();
                    }

                    break;
                default:
                    break;
            }
        }

        if (_depth > 0)
        {
            _value.Append(bytes[start..]);
        }
    }
}
