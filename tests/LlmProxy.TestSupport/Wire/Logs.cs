using System.Globalization;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Wire;

/// <summary>What tests ask of a log: by event ids, which stay when a message is worded anew.</summary>
internal static class Logs
{
    /// <summary>Waits for an event.</summary>
    /// <param name="log">The log.</param>
    /// <param name="id">The event's id.</param>
    /// <param name="value">A value that the event must hold, such as an outcome; null for any.</param>
    public static async Task<FakeLogRecord> WaitForAsync(this FakeLogCollector log, int id, object? value = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await foreach (var record in log.GetLogsAsync(limit.Token))
            {
                if (record.Id.Id == id && (value is null || record.StructuredState!.Any(state => state.Value == Convert.ToString(value, CultureInfo.InvariantCulture))))
                {
                    return record;
                }
            }
        }
        catch (OperationCanceledException error) when (limit.IsCancellationRequested)
        {
            throw new TimeoutException($"Event {id} was not logged: {log.Text()}", error);
        }

        throw new InvalidOperationException("The log ended.");
    }

    /// <summary>Records of an event.</summary>
    public static IEnumerable<FakeLogRecord> Of(this FakeLogCollector log, int id) => log.GetSnapshot().Where(record => record.Id.Id == id);

    /// <summary>Everything that was logged, a line an event.</summary>
    public static string Text(this FakeLogCollector log) => string.Join('\n', log.GetSnapshot().Select(Line));

    private static string Line(FakeLogRecord record) => string.Create(CultureInfo.InvariantCulture, $"{record.Level} {record.Id.Id} {record.Message} {record.Exception?.Message}");
}
