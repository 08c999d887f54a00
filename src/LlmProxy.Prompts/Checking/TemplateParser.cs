using Scriban;
using Scriban.Parsing;
using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>Parses templates in bounded time and memory, whatever their text.</summary>
/// <remarks>
/// The parser of Scriban 7.5.3 loops and takes memory without limit for some texts with a broken interpolated string after
/// another error: <c>{{ f a: [b?;$"{/}" }}</c>. So the text around the strings and each level of strings are first parsed
/// apart, with plain strings in place of interpolated ones. The whole text is parsed only if all of them are correct.
/// It also takes a function for an argument, <c>{{ a f(x) = 1 }}</c>, and leaves a node in the tree that no visitor accepts.
/// </remarks>
internal static class TemplateParser
{
    // Deeper ones are errors: each level costs a pass.
    private const int MaxDepth = 8;

    /// <summary>Parses a template. Errors around interpolated strings hide errors within them.</summary>
    public static Template Parse(string text, string path)
    {
        var strings = InterpolatedStrings(text);
        if (strings.Count == 0)
        {
            return WithoutFunctionArguments(Template.Parse(text, path), text, path);
        }

        var around = text.ToCharArray();
        Replace(around, strings, depth: 0);
        if (Template.Parse(new string(around), path) is { HasErrors: true } broken)
        {
            return broken;
        }

        for (var depth = 0; depth <= Math.Min(strings.Max(one => one.Depth), MaxDepth); depth++)
        {
            if (Template.Parse(Level(text, strings, depth), path, lexerOptions: new LexerOptions { Mode = ScriptMode.ScriptOnly }) is { HasErrors: true } inner)
            {
                return inner;
            }
        }

        return WithoutFunctionArguments(Template.Parse(text, path), text, path);
    }

    /// <summary>The template, or one with the parser's errors at the functions that are arguments: without its name, such a function is an assignment in a wrong place.</summary>
    private static Template WithoutFunctionArguments(Template template, string text, string path)
    {
        if (template.HasErrors)
        {
            return template;
        }

        char[]? unnamed = null;
        var nodes = new Stack<ScriptNode>();
        nodes.Push(template.Page!);
        while (nodes.Count > 0)
        {
            var node = nodes.Pop();
            for (var i = 0; i < node.ChildrenCount; i++)
            {
                if (node.GetChildren(i) is { } child)
                {
                    nodes.Push(child);
                }
            }

            if (!node.GetType().IsVisible)
            {
                unnamed ??= text.ToCharArray();
                for (var at = node.Span.Start.Offset; at < text.Length && text[at] != '('; at++)
                {
                    unnamed[at] = ' ';
                }
            }
        }

        return unnamed is null ? template : Template.Parse(new string(unnamed), path);
    }

    /// <summary>The strings with expressions in them. One that is not closed ends with the text.</summary>
    private static List<(int Start, int End, int Depth)> InterpolatedStrings(string text)
    {
        var found = new List<(int, int, int)>();
        if (!text.Contains("$\"", StringComparison.Ordinal) && !text.Contains("$'", StringComparison.Ordinal))
        {
            return found;
        }

        var open = new Stack<int>();
        foreach (var token in new Lexer(text))
        {
            if (token.Type == TokenType.BeginInterpolatedString)
            {
                open.Push(token.Start.Offset);
            }
            else if (token.Type == TokenType.EndingInterpolatedString && open.Count > 0)
            {
                var start = open.Pop();
                found.Add((start, token.End.Offset, open.Count));
            }
        }

        while (open.Count > 0)
        {
            var start = open.Pop();
            found.Add((start, text.Length, open.Count));
        }

        return found;
    }

    /// <summary>The strings of one depth alone, those within them as plain ones. Everything keeps its place.</summary>
    private static string Level(string text, List<(int Start, int End, int Depth)> strings, int depth)
    {
        var level = new char[text.Length];
        Blank(text.ToCharArray(), level, 0, text.Length);
        foreach (var (start, end, _) in strings.Where(one => one.Depth == depth))
        {
            text.CopyTo(start, level, start, Math.Min(end + 1, text.Length) - start);
        }

        // Without an expression in its braces, a string is an error at its place.
        if (depth == MaxDepth)
        {
            foreach (var (start, end, _) in strings.Where(one => one.Depth == depth + 1))
            {
                Blank(level, level, start, Math.Min(end + 1, text.Length));
            }
        }
        else
        {
            Replace(level, strings, depth + 1);
        }

        return new string(level);
    }

    /// <summary>Replaces the strings of a depth with plain ones of the same length.</summary>
    private static void Replace(char[] text, List<(int Start, int End, int Depth)> strings, int depth)
    {
        foreach (var (start, end, _) in strings.Where(one => one.Depth == depth))
        {
            var quote = text[start + 1];
            Blank(text, text, start, Math.Min(end + 1, text.Length));
            text[start] = quote;
            if (end < text.Length)
            {
                text[end] = quote;
            }
        }
    }

    private static void Blank(char[] from, char[] to, int start, int end)
    {
        for (var i = start; i < end; i++)
        {
            to[i] = from[i] is '\r' or '\n' ? from[i] : ' ';
        }
    }
}
