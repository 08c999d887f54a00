using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation;

/// <summary>Free text as the argument of a function, for targets whose tools take JSON alone.</summary>
internal static class FreeText
{
    public const string Argument = "input";

    public static string Wrap(string text) => Encoding.UTF8.GetString(ReplyJson.Join("{\"input\":", text, "}"));

    /// <summary>The text within arguments; the arguments themselves if they are not of that shape.</summary>
    public static string Unwrap(string arguments)
    {
        using var document = LenientJson.Parse(Encoding.UTF8.GetBytes(arguments));
        return document?.RootElement.Text("input"u8) ?? arguments;
    }

    public static void WriteSchema(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "object");
        json.WriteStartObject("properties");
        json.WriteObject(Argument, ("type", "string"), ("description", "The whole input of the tool, as it is."));
        json.WriteEndObject();
        json.WriteStartArray("required");
        json.WriteStringValue(Argument);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The description of a tool with the grammar that its input follows.</summary>
    public static string Describe(OfferedTool tool) => tool is { IsFreeText: true, Grammar: { } grammar }
        ? $"{tool.Description}\n\nThe input follows this {grammar.Syntax} grammar:\n{grammar.Definition}".TrimStart()
        : tool.Description;
}

/// <summary>Reads the text out of <c>{"input":"…"}</c> as it streams.</summary>
internal sealed class FreeTextReader
{
    private readonly StringBuilder _head = new();
    private readonly StringBuilder _escape = new();
    private State _state;
    private char _high;

    private enum State
    {
        Head,
        Text,
        Escape,
        Over,
    }

    /// <summary>Whether the arguments had the expected shape so far.</summary>
    public bool HasStarted => _state != State.Head;

    /// <summary>What came before the text.</summary>
    public string Head => _head.ToString();

    public string Append(string delta)
    {
        var text = new StringBuilder();
        foreach (var letter in delta)
        {
            Take(letter, text);
        }

        return text.ToString();
    }

    private void Take(char letter, StringBuilder text)
    {
        switch (_state)
        {
            case State.Head:
                _head.Append(letter);
                _state = letter == '"' && IsHead() ? State.Text : State.Head;
                break;
            case State.Text when letter == '\\':
                _state = State.Escape;
                _escape.Clear();
                break;
            case State.Text when letter == '"':
                Flush(text);
                _state = State.Over;
                break;
            case State.Text:
                Emit(letter, text);
                break;
            case State.Escape:
                _escape.Append(letter);
                if (_escape[0] != 'u' || _escape.Length == 5)
                {
                    Emit(Unescape(), text);
                    _state = State.Text;
                }

                break;
            default:
                break;
        }
    }

    private bool IsHead()
    {
        var head = string.Concat(_head.ToString().Where(letter => !char.IsWhiteSpace(letter)));
        return head == "{\"input\":\"";
    }

    private char Unescape() => _escape[0] switch
    {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\b',
        'f' => '\f',
        'u' => ushort.TryParse(_escape.ToString(1, 4), global::System.Globalization.NumberStyles.AllowHexSpecifier, global::System.Globalization.CultureInfo.InvariantCulture, out var unit) ? (char)unit : '\uFFFD',
        var other => other,
    };

    private void Emit(char letter, StringBuilder text)
    {
        if (char.IsHighSurrogate(letter))
        {
            Flush(text);
            _high = letter;
        }
        else if (_high != 0 && char.IsLowSurrogate(letter))
        {
            text.Append(_high).Append(letter);
            _high = '\0';
        }
        else
        {
            Flush(text);
            text.Append(char.IsLowSurrogate(letter) ? '\uFFFD' : letter);
        }
    }

    private void Flush(StringBuilder text)
    {
        if (_high != 0)
        {
            text.Append('\uFFFD');
            _high = '\0';
        }
    }
}
