using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace LlmProxy.Server.Cli;

/// <summary>Output of a verb. Without a terminal there are no colours, borders or progress bars.</summary>
internal sealed class CliConsole
{
    private const int WidthInPipe = 160;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Creates a console that writes to the given writers.</summary>
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

    /// <summary>Receives results.</summary>
    public TextWriter Out { get; }

    /// <summary>Receives errors and notices.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether <see cref="Out"/> is a terminal.</summary>
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

    /// <summary>Writes a line verbatim; on a terminal in the given style.</summary>
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

    /// <summary>Writes a text wrapped at word boundaries and indented.</summary>
    public void Paragraph(string text, int indent, Style? style = null)
    {
        foreach (var line in TextFold.Fold(text, Math.Max(40, Ansi.Profile.Width - indent - 1)))
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
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        if (table.Rows.Count > 0)
        {
            Ansi.Write(table);
        }
    }

    /// <summary>Runs work that reports its progress, with a bar on a terminal.</summary>
    /// <param name="name">The bar's label.</param>
    /// <param name="work">The work; it reports how much of how much is done.</param>
    public Task<T> ProgressAsync<T>(string name, Func<Action<long, long>, Task<T>> work) => !IsTerminal
        ? work((_, _) => { })
        : Ansi.Progress().AutoClear(true).StartAsync(progress =>
        {
            var bar = progress.AddTask(name, autoStart: true, maxValue: 1);
            return work((done, total) =>
            {
                bar.MaxValue = Math.Max(1, total);
                bar.Value = done;
            });
        });

    /// <summary>Writes JSON for programs.</summary>
    public void Json(JsonNode? node) => Out.WriteLine(node?.ToJsonString(Indented) ?? "null");
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
        return line.Length <= length ? line : line[..Math.Max(0, length - 1)] + "…";
    }
}
