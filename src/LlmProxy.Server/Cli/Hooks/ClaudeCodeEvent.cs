using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Server.Cli.Hooks;

/// <summary>What Claude Code writes to a hook's standard input.</summary>
/// <param name="Name">Name of the event, such as <c>Stop</c>.</param>
/// <param name="SessionId">Id of the session.</param>
/// <param name="TranscriptPath">File with the session's messages.</param>
internal sealed record ClaudeCodeEvent(string Name, string SessionId, string TranscriptPath)
{
    /// <summary>
    /// Whether the event ends a turn of the session's own task. <c>SubagentStop</c> does not: a sub-agent is a task of its own under
    /// the same session id, and its results are in the traffic.
    /// </summary>
    public bool EndsTurn => Name is "Stop" or "SessionEnd";

    /// <summary>Reads an event.</summary>
    /// <exception cref="CliException">It is no event of Claude Code.</exception>
    public static ClaudeCodeEvent Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return root.Text("session_id"u8) is { Length: > 0 } session && root.Text("transcript_path"u8) is { Length: > 0 } transcript
                ? new ClaudeCodeEvent(root.Text("hook_event_name"u8) ?? "", session, transcript)
                : throw NoEvent();
        }
        catch (JsonException)
        {
            throw NoEvent();
        }
    }

    private static CliException NoEvent() => new("The standard input is no hook event of Claude Code: session_id and transcript_path are missing. Claude Code runs this verb; \"llmproxy connect claude-code\" prints the setting.");
}
