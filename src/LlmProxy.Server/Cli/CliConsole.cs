using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Terminal;
using Spectre.Console;

namespace LlmProxy.Server.Cli;

/// <summary>
/// Output of a verb. Without a terminal there are no colours, borders or progress bars. Every text passes
/// <see cref="VisibleText"/>, whichever member writes it; control sequences are this class's own.
/// </summary>
internal sealed class CliConsole
{
    private const int WidthInPipe = 160;
    private const int WidthOfLines = 80;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly IAnsiConsole _ansi;
    private readonly TextReader? _input;

    /// <summary>Creates a console that writes to the given writers.</summary>
    /// <param name="output">Receives results.</param>
    /// <param name="error">Receives errors and notices.</param>
    /// <param name="isTerminal">Whether the output is a terminal.</param>
    /// <param name="input">Where a person answers questions; null without a terminal to ask on.</param>
    /// <param name="piped">What another program writes to the standard input; null if that is a terminal.</param>
    public CliConsole(TextWriter output, TextWriter error, bool isTerminal, TextReader? input = null, TextReader? piped = null)
    {
        _input = input;
        Piped = piped;
        Out = new VisibleWriter(output);
        Error = new VisibleWriter(error);
        IsTerminal = isTerminal;
        _ansi = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = isTerminal ? InteractionSupport.Detect : InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        if (!isTerminal)
        {
            _ansi.Profile.Width = WidthInPipe;
        }
    }

    /// <summary>Receives results.</summary>
    public TextWriter Out { get; }

    /// <summary>Receives errors and notices.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether <see cref="Out"/> is a terminal.</summary>
    public bool IsTerminal { get; }

    /// <summary>What another program writes to the standard input; null if that is a terminal.</summary>
    public TextReader? Piped { get; }

    /// <summary>The process's own console.</summary>
    public static CliConsole OfProcess()
    {
        if (!OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
        {
            Console.OutputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        }

        return new CliConsole(Console.Out, Console.Error, !Console.IsOutputRedirected, Console.IsInputRedirected ? null : Console.In, Console.IsInputRedirected ? Console.In : null);
    }

    /// <summary>Writes one line; on a terminal in the given style. A line end in the text becomes visible: no text can pose as a line of its own.</summary>
    public void Line(string text = "", Style? style = null)
    {
        text = VisibleText.Line(text);
        if (style is null || !IsTerminal)
        {
            Out.WriteLine(text);
            return;
        }

        _ansi.Write(new Text(text, style).Overflow(Overflow.Fold));
        Out.WriteLine();
    }

    /// <summary>Writes the beginning of a line in the given style.</summary>
    public void Word(string text, Style style) => _ansi.Write(new Text(VisibleText.Line(text), style));

    /// <summary>Writes a text with its lines as they are.</summary>
    public void Lines(string text, Style? style = null)
    {
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            Line(line, style);
        }
    }

    /// <summary>Asks a question; true only if a person answers yes.</summary>
    public bool Confirm(string question)
    {
        if (_input is null)
        {
            return false;
        }

        Error.Write(question + " [y/N] ");
        Error.Flush();
        return _input.ReadLine()?.Trim() is { } answer && (answer.Equals("y", StringComparison.OrdinalIgnoreCase) || answer.Equals("yes", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Whether a person can be asked.</summary>
    public bool CanAsk => _input is not null;

    /// <summary>Asks for a text; null if a person cannot be asked, or answers nothing.</summary>
    public string? Ask(string question)
    {
        if (_input is null)
        {
            return null;
        }

        Error.Write(question + " ");
        Error.Flush();
        return _input.ReadLine()?.Trim() is { Length: > 0 } answer ? answer : null;
    }

    /// <summary>Asks before something is deleted or overwritten.</summary>
    /// <param name="question">Names what would be lost.</param>
    /// <param name="yes">Whether <c>--yes</c> was given.</param>
    /// <exception cref="CliException">The person declines, or nobody can be asked.</exception>
    public void RequireYes(string question, bool yes)
    {
        if (yes || Confirm(question))
        {
            return;
        }

        throw new CliException(_input is null ? $"{question} There is no terminal to confirm this on. Add --yes. Nothing was changed." : "Nothing was changed.");
    }

    /// <summary>The option that replaces the question.</summary>
    public static System.CommandLine.Option<bool> YesOption() => new("--yes") { Description = "Do not ask" };

    /// <summary>Writes a text wrapped at word boundaries and indented.</summary>
    public void Paragraph(string text, int indent, Style? style = null)
    {
        foreach (var line in TextFold.Fold(VisibleText.Lines(text), Math.Max(40, _ansi.Profile.Width - indent - 1)))
        {
            Line(new string(' ', indent) + line, style);
        }
    }

    /// <summary>Writes a table, unless it has no rows.</summary>
    public void Table(string[] columns, IEnumerable<string[]> rows)
    {
        var table = new Table { Border = IsTerminal ? TableBorder.Rounded : TableBorder.None };
        table.AddColumns([.. columns.Select(column => new TableColumn(new Text(column)))]);
        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(VisibleText.Line(cell))));
        }

        if (table.Rows.Count > 0)
        {
            _ansi.Write(table);
        }
    }

    /// <summary>Writes a table with one line for each row: 80 columns wide in a pipe, else as wide as the terminal. The text of the last column is cut to fit.</summary>
    public void LineTable(string[] columns, IReadOnlyList<string[]> rows)
    {
        const int Gap = 2;
        var cells = rows.Select(row => row.Select(VisibleText.Line).ToArray()).Prepend(columns).ToList();
        var widths = Enumerable.Range(0, columns.Length).Select(i => cells.Max(row => Cells(row[i]))).ToArray();
        var total = IsTerminal ? Math.Max(WidthOfLines, _ansi.Profile.Width - 1) : WidthOfLines;
        var left = Math.Max(columns[^1].Length, total - widths[..^1].Sum(width => width + Gap));
        foreach (var (row, i) in cells.Select((row, i) => (row, i)))
        {
            var start = string.Concat(row[..^1].Select((cell, column) => cell + new string(' ', widths[column] - Cells(cell) + Gap)));
            Line((start + Cut(TextFold.Short(row[^1], left), left)).TrimEnd(), i == 0 ? new Style(Color.Grey) : default(Style?));
        }

        static int Cells(string text) => new Spectre.Console.Rendering.Segment(text).CellCount();

        // A wide character takes two cells.
        static string Cut(string text, int cells)
        {
            while (Cells(text) > cells)
            {
                text = TextFold.Short(text, text.Length - 1);
            }

            return text;
        }
    }

    /// <summary>Runs work that reports its progress, with a bar on a terminal.</summary>
    /// <param name="name">The bar's label.</param>
    /// <param name="work">The work; it reports how much of how much is done.</param>
    public Task<T> ProgressAsync<T>(string name, Func<Action<long, long>, Task<T>> work) => !IsTerminal
        ? work((_, _) => { })
        : _ansi.Progress().AutoClear(true).StartAsync(progress =>
        {
            var bar = progress.AddTask(name, autoStart: true, maxValue: 1);
            return work((done, total) =>
            {
                bar.MaxValue = Math.Max(1, total);
                bar.Value = done;
            });
        });

    /// <summary>Writes JSON for programs as one line.</summary>
    public void JsonLine(JsonNode? node)
    {
        Out.WriteLine(VisibleText.Json(node?.ToJsonString(Compact) ?? "null"));
        Out.Flush();
    }

    /// <summary>Writes JSON for programs. What a terminal would obey or hide is escaped, so it means the same.</summary>
    public void Json(JsonNode? node) => Out.WriteLine(VisibleText.Json(node?.ToJsonString(Indented) ?? "null"));
}

/// <summary>Wraps and shortens text.</summary>
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

    /// <summary>Collapses a text to one line of at most <paramref name="length"/> characters.</summary>
    public static string Short(string text, int length)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (line.Length <= length)
        {
            return line;
        }

        var kept = Math.Max(0, length - 1);
        return line[..(kept > 0 && char.IsHighSurrogate(line[kept - 1]) ? kept - 1 : kept)] + "…";
    }
}
