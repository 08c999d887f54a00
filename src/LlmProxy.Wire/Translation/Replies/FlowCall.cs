using System.Text;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>A call as a target's events bring it.</summary>
/// <param name="isFreeText">Whether the target sends free text instead of JSON.</param>
/// <param name="number">Its number in the reply.</param>
internal sealed class FlowCall(bool isFreeText, int number)
{
    private readonly StringBuilder _pending = new();
    private readonly StringBuilder? _freeText = isFreeText ? new() : null;
    private FreeTextReader? _unwrapper;
    private ToolName? _tool;
    private bool _hasWritten;
    private int _depth;
    private bool _inText;
    private bool _isEscaped;
    private bool _hasBegun;
    private bool _isOdd;
    private char _high;

    public bool IsFreeText => isFreeText;

    public int Number => number;

    public string Id { get; set; } = "";

    public string Name { get; set; } = "";

    public string? Signature { get; set; }

    public bool HasEnded { get; set; }

    public bool IsOpen => _tool is not null;

    /// <summary>Characters of arguments that came so far.</summary>
    public int Length { get; private set; }

    public bool HasArguments => Length > 0;

    /// <summary>Whether the arguments are a whole JSON object.</summary>
    public bool IsWhole => !isFreeText && _hasBegun && _depth == 0 && !_isOdd;

    public void Append(string? delta)
    {
        if (string.IsNullOrEmpty(delta) || HasEnded)
        {
            return;
        }

        Length += delta.Length;
        if (isFreeText)
        {
            _pending.Append(delta);
            return;
        }

        var isWhole = IsWhole;
        foreach (var letter in delta)
        {
            _isOdd |= !_hasBegun && letter != '{' && !char.IsWhiteSpace(letter);
            Follow(letter);
        }

        // What follows a whole object is no argument.
        if (!isWhole)
        {
            _pending.Append(delta);
        }
    }

    /// <summary>Takes the whole arguments where events may have brought a part of them, or none.</summary>
    public void Complete(string? whole)
    {
        if (whole is not null && whole.Length > Length)
        {
            Append(whole[Length..]);
        }
    }

    public void Open(ToolName tool)
    {
        _tool = tool;
        _unwrapper = tool.IsFreeText && !isFreeText ? new FreeTextReader() : null;
    }

    /// <summary>Arguments in the client's form that were not yet taken.</summary>
    public string TakeArguments()
    {
        if (_isOdd && !HasEnded)
        {
            // No object: what it becomes is known at its end.
            return "";
        }

        var delta = Whole(_isOdd ? Values.AsObject(_pending.ToString()) : _pending.ToString());
        _pending.Clear();
        if (isFreeText && !_tool!.IsFreeText)
        {
            // The client knows a function: the text becomes its argument once it is whole.
            _freeText!.Append(delta);
            return HasEnded ? FreeText.Wrap(_freeText.ToString()) : "";
        }

        if (_unwrapper is not null)
        {
            var text = _unwrapper.Append(delta);
            return HasEnded && !_unwrapper.HasStarted ? FreeText.Unwrap(_unwrapper.Head) : text;
        }

        if (HasEnded && !_hasWritten && delta.Length == 0 && !_tool!.IsFreeText)
        {
            // No argument at all is an empty object.
            _hasWritten = true;
            return "{}";
        }

        _hasWritten |= delta.Length > 0;
        return delta;
    }

    /// <summary>Holds back the first half of a surrogate pair.</summary>
    private string Whole(string delta)
    {
        if (_high != 0)
        {
            delta = _high + delta;
            _high = '\0';
        }

        if (delta.Length > 0 && char.IsHighSurrogate(delta[^1]) && !HasEnded)
        {
            _high = delta[^1];
            delta = delta[..^1];
        }

        return delta;
    }

    private void Follow(char letter)
    {
        if (_inText)
        {
            (_inText, _isEscaped) = (_isEscaped || letter != '"', !_isEscaped && letter == '\\');
            return;
        }

        switch (letter)
        {
            case '"':
                _inText = true;
                break;
            case '{' or '[':
                _hasBegun = true;
                _depth++;
                break;
            case '}' or ']':
                _depth = Math.Max(0, _depth - 1);
                break;
            default:
                break;
        }
    }
}
