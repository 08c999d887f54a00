using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace LlmProxy.Server.Terminal;

/// <summary>
/// Formats log lines as the simple console formatter does in one line, with everything visible: task ids, model names and
/// exceptions in them come from clients and upstreams.
/// </summary>
internal sealed class VisibleLogFormatter(IOptionsMonitor<SimpleConsoleFormatterOptions> options, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>Its name among the formatters.</summary>
    public const string FormatterName = "visible";

    private const string Reset = "\u001B[39m\u001B[22m\u001B[49m";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        // Kestrel logs every exception of a request; this one ends a response on purpose and has its own event (1002).
        if (logEntry.Exception is ResponseBrokenException)
        {
            return;
        }

        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        var settings = options.CurrentValue;
        if (settings.TimestampFormat is { } format)
        {
            var now = settings.UseUtcTimestamp ? time.GetUtcNow() : time.GetLocalNow();
            textWriter.Write(now.ToString(format, CultureInfo.InvariantCulture));
        }

        var (word, color) = Level(logEntry.LogLevel);
        var isColored = settings.ColorBehavior == LoggerColorBehavior.Enabled || (settings.ColorBehavior == LoggerColorBehavior.Default && !Console.IsOutputRedirected);
        textWriter.Write(isColored ? color + word + Reset : word);
        textWriter.Write(string.Create(CultureInfo.InvariantCulture, $": {logEntry.Category}[{logEntry.EventId.Id}] "));
        textWriter.Write(OneLine(message));
        if (logEntry.Exception is { } exception)
        {
            textWriter.Write(' ');
            textWriter.Write(OneLine(exception.ToString()));
        }

        textWriter.WriteLine();
    }

    // A line end is a blank, as in the simple formatter: exceptions have many.
    private static string OneLine(string text) => VisibleText.Line(text.ReplaceLineEndings("\n").Replace('\n', ' '));

    private static (string Word, string Color) Level(LogLevel level) => level switch
    {
        LogLevel.Trace => ("trce", "\u001B[37m"),
        LogLevel.Debug => ("dbug", "\u001B[37m"),
        LogLevel.Information => ("info", "\u001B[32m"),
        LogLevel.Warning => ("warn", "\u001B[1m\u001B[33m"),
        LogLevel.Error => ("fail", "\u001B[30m\u001B[41m"),
        _ => ("crit", "\u001B[1m\u001B[37m\u001B[41m"),
    };
}
