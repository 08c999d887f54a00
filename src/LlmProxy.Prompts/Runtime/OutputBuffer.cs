using System.Text;

namespace LlmProxy.Prompts.Runtime;

/// <summary>Text that is being written, up to a limit.</summary>
internal sealed class OutputBuffer
{
    // Larger buffers are left to the garbage collector, so that one long prompt does not stay in memory.
    private const int MaxKept = 128 * 1024;

    [ThreadStatic]
    private static StringBuilder? _spare;

    private readonly StringBuilder _text;
    private readonly int _limit;
    private bool _isFull;

    public OutputBuffer(int limit)
    {
        _limit = limit;
        _text = _spare ?? new StringBuilder(1024);
        _spare = null;
    }

    public int Length => _text.Length;

    public void Reset()
    {
        _text.Clear();
        _isFull = false;
    }

    public void Append(string text, int start, int count)
    {
        if (_isFull || (_limit > 0 && _text.Length + count > _limit))
        {
            AppendCut(text, start);
            return;
        }

        _text.Append(text, start, count);
    }

    /// <summary>Gives the buffer back for the next rendering on this thread; it must not be used any more.</summary>
    public void Release()
    {
        _text.Clear();
        if (_text.Capacity <= MaxKept)
        {
            _spare = _text;
        }
    }

    public override string ToString() => _text.ToString();

    private void AppendCut(string text, int start)
    {
        if (!_isFull)
        {
            _isFull = true;
            _text.Append(text, start, _limit - _text.Length).Append("...");
        }
    }
}
