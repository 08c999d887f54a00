using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text;

using LlmProxy.Prompts.Runtime;

#pragma warning disable CA1845, CA1846, CA2249 // netstandard2.0 has no overloads for spans and characters.

namespace LlmProxy.Prompts.Functions;

/// <summary>JSON as templates read and write it: everything but plain ASCII letters, digits and marks is escaped.</summary>
internal sealed class JsonText
{
    private const int MaxDepth = 64;
    private readonly TemplateContext _context;
    private readonly string _json;
    private int _offset;

    private JsonText(TemplateContext context, string json)
    {
        _context = context;
        _json = json;
    }

    /// <exception cref="ScriptFunctionException">A value has no form in JSON, or nests too deeply.</exception>
    public static string Write(TemplateContext context, object? value)
    {
        var text = new StringBuilder();
        Write(context, text, value, 1);
        return text.ToString();
    }

    /// <exception cref="ScriptFunctionException">The text is not JSON.</exception>
    public static object? Read(TemplateContext context, string json)
    {
        var reader = new JsonText(context, json);
        var value = reader.ReadValue(1);
        reader.SkipBlanks();
        return reader._offset == json.Length ? value : throw reader.Unexpected();
    }

    private static void Write(TemplateContext context, StringBuilder text, object? value, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ScriptFunctionException("Structure is too deeply nested or contains reference loops.");
        }

        context.CheckStringLength(text.Length);
        switch (value)
        {
            case null or EmptyValue:
                text.Append("null");
                break;
            case bool flag:
                text.Append(flag ? "true" : "false");
                break;
            case string s:
                WriteString(text, s);
                break;
            case double number when double.IsNaN(number) || double.IsInfinity(number):
            case float single when float.IsNaN(single) || float.IsInfinity(single):
                throw new ScriptFunctionException("A number that is not finite cannot be written as JSON.");
            case DateTime date:
                WriteString(text, date.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFFK", CultureInfo.InvariantCulture));
                break;
            case IScriptFunction:
                text.Append("null");
                break;
            case IReadOnlyDictionary<string, object?> members:
                text.Append('{');
                var isFirst = true;
                foreach (var member in members)
                {
                    text.Append(isFirst ? string.Empty : ",");
                    isFirst = false;
                    WriteString(text, member.Key);
                    text.Append(':');
                    Write(context, text, member.Value, depth + 1);
                }

                text.Append('}');
                break;
            case IEnumerable items:
                text.Append('[');
                var isFirstItem = true;
                foreach (var item in items)
                {
                    text.Append(isFirstItem ? string.Empty : ",");
                    isFirstItem = false;
                    Write(context, text, item, depth + 1);
                }

                text.Append(']');
                break;
            default:
                if (Values.IsNumber(value))
                {
                    text.Append(Values.ToText(context, value));
                }
                else
                {
                    WriteString(text, Values.ToText(context, value) ?? string.Empty);
                }

                break;
        }
    }

    private static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            switch (c)
            {
                case '\\':
                    text.Append("\\\\");
                    break;
                case '\n':
                    text.Append("\\n");
                    break;
                case '\r':
                    text.Append("\\r");
                    break;
                case '\t':
                    text.Append("\\t");
                    break;
                case '\b':
                    text.Append("\\b");
                    break;
                case '\f':
                    text.Append("\\f");
                    break;
                case < ' ' or > '~' or '"' or '\'' or '&' or '<' or '>' or '+' or '`':
                    text.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture));
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }

        text.Append('"');
    }

    private void SkipBlanks()
    {
        while (_offset < _json.Length && _json[_offset] is ' ' or '\t' or '\r' or '\n')
        {
            _offset++;
        }
    }

    private ScriptFunctionException Unexpected() => new(_offset < _json.Length
        ? $"'{_json[_offset]}' is an invalid start of a value. BytePosition: {_offset}."
        : $"The JSON text ends too early. BytePosition: {_offset}.");

    private object? ReadValue(int depth)
    {
        SkipBlanks();
        if (_offset >= _json.Length || depth > MaxDepth)
        {
            throw Unexpected();
        }

        var c = _json[_offset];
        return c switch
        {
            '{' => ReadObject(depth),
            '[' => ReadArray(depth),
            '"' => ReadString(),
            't' => ReadWord("true", Values.Box(true)),
            'f' => ReadWord("false", Values.Box(false)),
            'n' => ReadWord("null", null),
            '-' or (>= '0' and <= '9') => ReadNumber(),
            _ => throw Unexpected(),
        };
    }

    private object? ReadWord(string word, object? value)
    {
        if (string.CompareOrdinal(_json, _offset, word, 0, word.Length) != 0)
        {
            throw Unexpected();
        }

        _offset += word.Length;
        return value;
    }

    private object ReadNumber()
    {
        var start = _offset;
        while (_offset < _json.Length && _json[_offset] is (>= '0' and <= '9') or '-' or '+' or '.' or 'e' or 'E')
        {
            _offset++;
        }

        var text = _json.Substring(start, _offset - start);
        if (decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var exact))
        {
            return exact;
        }

        if (text.Length < 512 && BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var big))
        {
            return big;
        }

        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        _offset = start;
        throw Unexpected();
    }

    private string ReadString()
    {
        var text = new StringBuilder();
        _offset++;
        while (_offset < _json.Length && _json[_offset] != '"')
        {
            var c = _json[_offset++];
            if (c < ' ')
            {
                _offset--;
                throw Unexpected();
            }

            if (c == '\\' && _offset < _json.Length)
            {
                ReadEscape(text);
            }
            else
            {
                text.Append(c);
            }
        }

        if (_offset >= _json.Length)
        {
            throw Unexpected();
        }

        _offset++;
        return text.ToString();
    }

    private void ReadEscape(StringBuilder text)
    {
        var c = _json[_offset++];
        switch (c)
        {
            case '"' or '\\' or '/':
                text.Append(c);
                break;
            case 'b':
                text.Append('\b');
                break;
            case 'f':
                text.Append('\f');
                break;
            case 'n':
                text.Append('\n');
                break;
            case 'r':
                text.Append('\r');
                break;
            case 't':
                text.Append('\t');
                break;
            case 'u' when _offset + 4 <= _json.Length
                && int.TryParse(_json.Substring(_offset, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                text.Append((char)code);
                _offset += 4;
                break;
            default:
                _offset--;
                throw Unexpected();
        }
    }

    private ScriptArray ReadArray(int depth)
    {
        var array = new ScriptArray();
        _offset++;
        SkipBlanks();
        if (TryTake(']'))
        {
            return array;
        }

        do
        {
            array.Add(ReadValue(depth + 1));
            _context.CheckStringLength(0);
            SkipBlanks();
        }
        while (TryTake(','));

        return TryTake(']') ? array : throw Unexpected();
    }

    private ScriptObject ReadObject(int depth)
    {
        var result = new ScriptObject();
        _offset++;
        SkipBlanks();
        if (TryTake('}'))
        {
            return result;
        }

        do
        {
            SkipBlanks();
            if (_offset >= _json.Length || _json[_offset] != '"')
            {
                throw Unexpected();
            }

            var name = ReadString();
            SkipBlanks();
            if (!TryTake(':'))
            {
                throw Unexpected();
            }

            result[name] = ReadValue(depth + 1);
            SkipBlanks();
        }
        while (TryTake(','));

        return TryTake('}') ? result : throw Unexpected();
    }

    private bool TryTake(char c)
    {
        if (_offset < _json.Length && _json[_offset] == c)
        {
            _offset++;
            return true;
        }

        return false;
    }
}
