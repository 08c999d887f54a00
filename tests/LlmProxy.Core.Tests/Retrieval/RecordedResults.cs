using System.Text.Json;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Retrieval;

/// <summary>The texts of all tool results of the recordings in <c>../shared/data</c>.</summary>
internal static class RecordedResults
{
    public static IEnumerable<string> Read()
    {
        using var keys = new TurnKeys(new byte[32]);
        foreach (var recording in Dialects.Recording.All.Where(r => r.Request is not null))
        {
            if (recording.Dialect.ReadRequest(recording.Request!, recording.Path, keys) is not { } reading)
            {
                continue;
            }

            for (var i = 0; i < reading.Messages.Count; i++)
            {
                foreach (var result in reading.ReadMessage(i).ToolResults)
                {
                    yield return result.Content;
                }
            }
        }

        foreach (var file in Directory.GetFiles(Path.Combine(SharedData.Root!, "data"), "tasks-*.jsonl.gz").Order(StringComparer.Ordinal))
        {
            foreach (var document in SharedData.ReadJsonLines(Path.GetFileName(file)))
            {
                using (document)
                {
                    foreach (var message in document.RootElement.GetProperty("messages").EnumerateArray().Where(m => m.GetProperty("role").ValueEquals("tool")))
                    {
                        if (message.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String)
                        {
                            yield return content.GetString()!;
                        }
                    }
                }
            }
        }
    }
}
