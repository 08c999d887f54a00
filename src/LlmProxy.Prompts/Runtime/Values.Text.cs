using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text;

using LlmProxy.Prompts.Functions;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts.Runtime;

internal static partial class Values
{
    public static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>How a value is written; null for null.</summary>
    public static string? ToText(TemplateContext context, object? value)
    {
        switch (value)
        {
            case null:
                return null;
            case string text:
                return text;
            case EmptyValue:
                return string.Empty;
            case ScriptFunction function:
                return function.ToString();
        }

        if (TryToSimpleText(context, value, out var simple))
        {
            return simple;
        }

        var writer = new Writer(context);
        writer.Write(value, 1);
        return writer.ToString();
    }

    /// <summary>How a value is written into an interpolated string: as .NET does it for what is no list and no object.</summary>
    public static string? ToInterpolatedText(TemplateContext context, object? value) => value switch
    {
        bool flag => flag ? "True" : "False",
        DateTime date => date.ToString(CultureInfo.InvariantCulture),
        _ => ToText(context, value),
    };

    public static void AppendQuoted(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            switch (c)
            {
                case '"':
                    text.Append("\\\"");
                    break;
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
                case '\v':
                    text.Append("\\v");
                    break;
                case < ' ':
                    text.Append("\\x").Append(((int)c).ToString("x2", CultureInfo.InvariantCulture));
                    break;
                default:
                    text.Append(c);
                    break;
            }
        }

        text.Append('"');
    }

    private static bool TryToSimpleText(TemplateContext context, object value, out string text)
    {
        text = value switch
        {
            bool flag => flag ? "true" : "false",
            int number => number.ToString(CultureInfo.InvariantCulture),
            double number => number.ToString("R", CultureInfo.InvariantCulture),
            float number => number.ToString("R", CultureInfo.InvariantCulture),
            BigInteger number => number.ToString(CultureInfo.InvariantCulture),
            DateTime date => DateFunctions.ToText(context, date),
            TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
            IScriptFunction => "<function>",
            LoopState => "{}",
            _ when NumberRank(value) > 0 => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty,
            _ => string.Empty,
        };
        return text.Length > 0;
    }

    private sealed class Writer(TemplateContext context)
    {
        private readonly StringBuilder _text = new();

        public override string ToString() => _text.ToString();

        public void Write(object? value, int depth)
        {
            switch (value)
            {
                case null or EmptyValue:
                    _text.Append("null");
                    return;
                case string text:
                    AppendQuoted(_text, text);
                    return;
                case ScriptFunction:
                    _text.Append("<function>");
                    return;
            }

            context.ChargeInternal(1);
            if (context.ObjectRecursionLimit > 0 && depth > context.ObjectRecursionLimit)
            {
                throw new ScriptFunctionException("Structure is too deeply nested or contains reference loops.");
            }

            if (TryToSimpleText(context, value, out var simple))
            {
                _text.Append(simple);
            }
            else if (value is IReadOnlyDictionary<string, object?> members)
            {
                WriteObject(members, depth);
            }
            else if (value is IEnumerable items)
            {
                WriteList(items, depth);
            }
            else
            {
                throw new ScriptFunctionException($"A value of the type `{value.GetType().Name}` cannot be written.");
            }
        }

        private bool IsFull => context.LimitToString > 0 && _text.Length > context.LimitToString;

        private void WriteObject(IReadOnlyDictionary<string, object?> members, int depth)
        {
            _text.Append('{');
            var isFirst = true;
            foreach (var member in members)
            {
                _text.Append(isFirst ? string.Empty : ", ");
                isFirst = false;
                if (IsName(member.Key))
                {
                    _text.Append(member.Key);
                }
                else
                {
                    AppendQuoted(_text, member.Key);
                }

                _text.Append(": ");
                Write(member.Value, depth + 1);
                if (IsFull)
                {
                    return;
                }
            }

            _text.Append('}');
        }

        private void WriteList(IEnumerable items, int depth)
        {
            _text.Append('[');
            var isFirst = true;
            foreach (var item in items)
            {
                _text.Append(isFirst ? string.Empty : ", ");
                isFirst = false;
                Write(item, depth + 1);
                if (IsFull)
                {
                    return;
                }
            }

            _text.Append(']');
        }

        private static bool IsName(string key)
        {
            if (key.Length == 0 || !(key[0] == '_' || char.IsLetter(key[0])))
            {
                return false;
            }

            foreach (var c in key)
            {
                if (!(c == '_' || char.IsLetterOrDigit(c)))
                {
                    return false;
                }
            }

            return true;
        }
    }
}
