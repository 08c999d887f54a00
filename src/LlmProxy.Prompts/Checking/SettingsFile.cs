namespace LlmProxy.Prompts.Checking;

/// <summary>
/// The providers that a settings file of the proxy (<c>proxy.json</c>) names, with their places: those of routes
/// (<c>LlmProxy.Provider</c> in a route's metadata) and of models (<c>LlmProxy:Models</c>).
/// </summary>
/// <remarks>
/// The compiler loads this library without a JSON reader, and places are what a reader would not give: the text is
/// gone through once, comments and trailing commas allowed as in the proxy itself. A file that is no JSON names the
/// providers up to there; the proxy says what is wrong with it.
/// </remarks>
public sealed class SettingsFile
{
    private readonly string _text;
    private readonly List<(string Name, SourceSpan Span)> _providers = [];
    private readonly Stack<string> _keys = new();
    private int _at;

    private SettingsFile(string path, string text)
    {
        Path = path;
        _text = text;
        ReadObjects();
    }

    /// <summary>The path that diagnostics show.</summary>
    public string Path { get; }

    /// <summary>The providers in the order of the file; one that is named twice stands twice.</summary>
    public IReadOnlyList<(string Name, SourceSpan Span)> Providers => _providers;

    /// <summary>Reads a settings file.</summary>
    /// <param name="path">The path that diagnostics show.</param>
    /// <param name="text">Its text.</param>
    public static SettingsFile Parse(string path, string text) => new(path, text);

    private void ReadObjects()
    {
        var key = string.Empty;
        while (TryReadToken(out var kind, out var text, out var start))
        {
            switch (kind)
            {
                case '{' or '[':
                    _keys.Push(key);
                    key = string.Empty;
                    break;
                case '}' or ']' when _keys.Count > 0:
                    _keys.Pop();
                    key = string.Empty;
                    break;
                case ',':
                    key = string.Empty;
                    break;
                case '"' when IsKey():
                    key = text;
                    break;
                case '"' when IsProvider(key) && text.Length > 0:
                    _providers.Add((text, new SourceSpan(Path, TextLines.PositionOf(_text, start), TextLines.PositionOf(_text, _at - 1))));
                    break;
            }
        }
    }

    private bool IsProvider(string key) =>
        key == "LlmProxy.Provider"
        || (string.Equals(key, "provider", StringComparison.OrdinalIgnoreCase) && _keys.Contains("Models", StringComparer.OrdinalIgnoreCase));

    private bool IsKey()
    {
        SkipBlanks();
        return _at < _text.Length && _text[_at] == ':';
    }

    private bool TryReadToken(out char kind, out string text, out int start)
    {
        SkipBlanks();
        (kind, text, start) = ('\0', string.Empty, _at);
        if (_at >= _text.Length)
        {
            return false;
        }

        kind = _text[_at++];
        if (kind != '"')
        {
            return true;
        }

        var from = _at;
        while (_at < _text.Length && _text[_at] != '"')
        {
            _at += _text[_at] == '\\' ? 2 : 1;
        }

        var end = Math.Min(_at, _text.Length);
        text = _text.Substring(from, end - from);
        _at = Math.Min(_at + 1, _text.Length);
        return true;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length)
        {
            if (char.IsWhiteSpace(_text[_at]))
            {
                _at++;
            }
            else if (string.CompareOrdinal(_text, _at, "//", 0, 2) == 0)
            {
                var end = _text.IndexOf('\n', _at);
                _at = end < 0 ? _text.Length : end;
            }
            else if (string.CompareOrdinal(_text, _at, "/*", 0, 2) == 0)
            {
                var end = _text.IndexOf("*/", _at + 2, StringComparison.Ordinal);
                _at = end < 0 ? _text.Length : end + 2;
            }
            else
            {
                return;
            }
        }
    }
}
