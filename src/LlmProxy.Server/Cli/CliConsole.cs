using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace LlmProxy.Server.Cli;

/// <summary>Where a verb writes. In a pipe there are no colours, no frames and no bars.</summary>
internal sealed class CliConsole
{
    private const int WidthInPipe = 160;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A console on some writers.</summary>
    public CliConsole(TextWriter output, TextWriter error, bool isTerminal)
    {
        Out = output;
        Error = error;
        IsTerminal = isTerminal;
        Ansi = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isTerminal ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        if (!isTerminal)
        {
            Ansi.Profile.Width = WidthInPipe;
        }
    }

    /// <summary>Results.</summary>
    public TextWriter Out { get; }

    /// <summary>Complaints.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether a person looks at <see cref="Out"/>.</summary>
    public bool IsTerminal { get; }

    /// <summary><see cref="Out"/> with colours and tables.</summary>
    public IAnsiConsole Ansi { get; }

    /// <summary>The process's own console.</summary>
    public static CliConsole OfProcess()
    {
        if (!OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
        {
            Console.OutputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        }

        return new CliConsole(Console.Out, Console.Error, !Console.IsOutputRedirected);
    }

    /// <summary>Writes a line as it is, in a style where there are colours.</summary>
    public void Line(string text = "", Style? style = null)
    {
        if (style is null || !IsTerminal)
        {
            Out.WriteLine(text);
            return;
        }

        Ansi.Write(new Text(text, style).Overflow(Overflow.Fold));
        Out.WriteLine();
    }

    /// <summary>Writes text that may be long, folded at words and indented.</summary>
    public void Paragraph(string text, int indent, Style? style = null)
    {
        foreach (var line in TextFold.Fold(text, Math.Max(40, Ansi.Profile.Width - indent - 1)))
        {
            Line(new string(' ', indent) + line, style);
        }
    }

    /// <summary>A table in this console's style.</summary>
    public Table NewTable(params string[] columns)
    {
        var table = new Table { Border = IsTerminal ? TableBorder.Rounded : TableBorder.None };
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column)));
        }

        return table;
    }

    /// <summary>Writes JSON for programs.</summary>
    public void Json(JsonNode? node) => Out.WriteLine(node?.ToJsonString(Indented) ?? "null");
}

/// <summary>Folds text at words.</summary>
internal static class TextFold
{
    public static IEnumerable<string> Fold(string text, int width)
    {
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            var rest = line;
            while (rest.Length > width)
            {
                var cut = rest.LastIndexOf(' ', width);
                cut = cut <= 0 ? width : cut;
                yield return rest[..cut];
                rest = rest[cut..].TrimStart(' ');
            }

            yield return rest;
        }
    }

    /// <summary>One line of at most some characters.</summary>
    public static string Short(string text, int length)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= length ? line : line[..Math.Max(0, length - 1)] + "…";
    }
}
