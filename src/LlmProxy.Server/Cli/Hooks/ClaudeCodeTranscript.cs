using System.Text;
using System.Text.Json;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Retrieval;
using LlmProxy.Wire.Json;

namespace LlmProxy.Server.Cli.Hooks;

/// <summary>Reads from the end of a transcript of Claude Code what the last turn's tool results report. A transcript is one JSON object per line.</summary>
internal static class ClaudeCodeTranscript
{
    private const int MaxBytes = 1 << 20;
    private const string Interrupted = "[Request interrupted by user";

    /// <summary>The evidence of the last turn.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<ReportedEvidence> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var skips = file.Length > MaxBytes;
        if (skips)
        {
            file.Seek(-MaxBytes, SeekOrigin.End);
        }

        var bytes = new byte[(int)Math.Min(file.Length, MaxBytes)];
        var length = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        var lines = Encoding.UTF8.GetString(bytes, 0, length).Split('\n');
        return Read(skips ? lines.Skip(1) : lines);
    }

    /// <summary>The evidence of the last turn of some lines. Lines that are no JSON or of an unknown kind say nothing.</summary>
    public static ReportedEvidence Read(IEnumerable<string> lines)
    {
        var turn = new Turn();
        foreach (var line in lines)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            try
            {
                using var entry = JsonDocument.Parse(line);
                turn.Take(entry.RootElement);
            }
            catch (JsonException)
            {
                // The client is writing it.
            }
        }

        return new ReportedEvidence([.. turn.Found.TakeLast(ReportedEvidence.MaxVerifications)], turn.IsInterrupted);
    }

    private sealed class Turn
    {
        private readonly Dictionary<string, string> _tools = new(StringComparer.Ordinal);

        public List<ReportedVerification> Found { get; } = [];

        public bool IsInterrupted { get; private set; }

        public void Take(JsonElement entry)
        {
            // Messages of sub-agents are tasks of their own; a summary and what the client adds are no messages of the turn.
            if (entry.ValueKind != JsonValueKind.Object || entry.Get("isSidechain"u8).ValueKind == JsonValueKind.True || entry.Get("isMeta"u8).ValueKind == JsonValueKind.True)
            {
                return;
            }

            var content = entry.Get("message"u8).Get("content"u8);
            if (entry.Text("type"u8) == "assistant")
            {
                foreach (var block in content.Items().Where(b => b.Text("type"u8) == "tool_use"))
                {
                    _tools[block.Text("id"u8) ?? ""] = block.Text("name"u8) ?? "";
                }
            }
            else if (entry.Text("type"u8) == "user")
            {
                TakeUser(content);
            }
        }

        private void TakeUser(JsonElement content)
        {
            var results = content.Items().Where(b => b.Text("type"u8) == "tool_result").ToList();
            var text = content.Text() ?? string.Concat(content.Items().Where(b => b.Text("type"u8) == "text").Select(b => b.Text("text"u8)));
            if (text.StartsWith(Interrupted, StringComparison.Ordinal))
            {
                IsInterrupted = true;
            }
            else if (results.Count == 0)
            {
                // The next turn begins.
                Found.Clear();
                IsInterrupted = false;
            }

            foreach (var result in results)
            {
                if (ToolNames.IsObservation(_tools.GetValueOrDefault(result.Text("tool_use_id"u8) ?? "", "")))
                {
                    continue;
                }

                var output = result.Get("content"u8);
                var said = output.Text() ?? string.Join('\n', output.Items().Select(b => b.Text("text"u8)));
                if (VerificationText.Find(said) is { } found)
                {
                    Found.Add(new ReportedVerification(found.Passed, found.Quote));
                }
            }
        }
    }
}
