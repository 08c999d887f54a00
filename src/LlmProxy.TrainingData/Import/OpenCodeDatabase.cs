using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Reads opencode's database. Versions from 1.2 on have messages and their parts in tables of their own; version 2 has
/// one table of messages with their content.
/// </summary>
internal sealed class OpenCodeDatabase(string file, ReadTable? tables, ImportReport report)
{
    private static readonly IReadOnlyDictionary<string, string?>[] None = [];

    /// <summary>Whether a file is a SQLite database.</summary>
    public static bool IsDatabase(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var head = new byte[16];
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.AsSpan().SequenceEqual("SQLite format 3\0"u8);
    }

    /// <summary>The sessions, without their messages.</summary>
    public async Task<IReadOnlyList<OpenCodeSession>> ListAsync(CancellationToken cancellationToken)
    {
        var rows = (await ReadAsync("session", null, null, cancellationToken)).Concat(await ReadAsync("session_v2", null, null, cancellationToken));
        return [.. rows.DistinctBy(r => Text(r, "id")).Where(r => Text(r, "id").Length > 0).Select(SessionOf).OrderBy(s => s.At).ThenBy(s => s.Id, StringComparer.Ordinal)];
    }

    /// <summary>The messages of a session in order.</summary>
    public async Task<IReadOnlyList<OpenCodeMessage>> ReadMessagesAsync(string session, CancellationToken cancellationToken)
    {
        var messages = await ReadAsync("message", "session_id", session, cancellationToken);
        if (messages.Count > 0)
        {
            var parts = (await ReadAsync("part", "session_id", session, cancellationToken)).OrderBy(r => Text(r, "id"), StringComparer.Ordinal).ToLookup(r => Text(r, "message_id"), StringComparer.Ordinal);
            return
            [
                .. messages.OrderBy(r => Number(r, "time_created")).ThenBy(r => Text(r, "id"), StringComparer.Ordinal)
                    .Select(r => (Id: Text(r, "id"), Info: DataOf(r)))
                    .Where(m => m.Info.ValueKind == JsonValueKind.Object)
                    .Select(m => new OpenCodeMessage(m.Id, m.Info, [.. parts[m.Id].Select(DataOf).Where(p => p.ValueKind == JsonValueKind.Object)])),
            ];
        }

        return
        [
            .. (await ReadAsync("session_message", "session_id", session, cancellationToken)).OrderBy(r => Number(r, "seq")).ThenBy(r => Number(r, "time_created")).ThenBy(r => Text(r, "id"), StringComparer.Ordinal)
                .Select(r => (Id: Text(r, "id"), Info: DataOf(r)))
                .Where(m => m.Info.ValueKind == JsonValueKind.Object)
                .Select(m => new OpenCodeMessage(m.Id, m.Info, [.. m.Info.Get("content"u8).Items()])),
        ];
    }

    private static OpenCodeSession SessionOf(IReadOnlyDictionary<string, string?> row)
    {
        using var revert = LenientJson.Parse(Encoding.UTF8.GetBytes(Text(row, "revert")));
        return new OpenCodeSession
        {
            Id = Text(row, "id"),
            ParentId = Text(row, "parent_id") is { Length: > 0 } parent ? parent : null,
            Project = ProjectPath.Normalize(Text(row, "directory")),
            Version = Text(row, "version"),
            RevertTo = revert?.RootElement.Text("messageID"u8),
            At = Number(row, "time_updated") is > 0 and < 253_402_300_799_000 and var time ? DateTimeOffset.FromUnixTimeMilliseconds(time) : default,
        };
    }

    private JsonElement DataOf(IReadOnlyDictionary<string, string?> row)
    {
        using var document = ImportFiles.Parse(Encoding.UTF8.GetBytes(Text(row, "data")), $"{file} {Text(row, "id")}", 1, report);
        return document is null ? default : WithType(document.RootElement, Text(row, "type"));
    }

    /// <summary>Version 2 has a message's type in a column of its own.</summary>
    private static JsonElement WithType(JsonElement data, string type)
    {
        if (type.Length == 0 || data.Get("type"u8).Exists())
        {
            return data.Clone();
        }

        var json = StrictJson.Bytes(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("type", StrictJson.Clean(type));
            foreach (var member in data.EnumerateObject())
            {
                writer.WritePropertyName(StrictJson.Clean(member.NameText()));
                StrictJson.Write(writer, member.Value);
            }

            writer.WriteEndObject();
        });
        using var document = LenientJson.Parse(json);
        return document?.RootElement.Clone() ?? default;
    }

    private async Task<IReadOnlyList<IReadOnlyDictionary<string, string?>>> ReadAsync(string table, string? column, string? value, CancellationToken cancellationToken)
    {
        if (tables is null)
        {
            report.Skip(file, 1, "is a SQLite database, and the importer has no reader of those");
            return None;
        }

        try
        {
            return await tables(file, table, column, value, cancellationToken);
        }
        catch (StoreException error)
        {
            report.Skip(file, 1, $"cannot be read: {error.Message}");
            return None;
        }
    }

    private static string Text(IReadOnlyDictionary<string, string?> row, string column) => row.GetValueOrDefault(column) ?? "";

    private static long Number(IReadOnlyDictionary<string, string?> row, string column) =>
        long.TryParse(Text(row, column), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
