using System.Text;
using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.OpenAiResponses;

namespace LlmProxy.TrainingData.Import;

/// <summary>What Codex writes beside the words of people and models.</summary>
internal static class CodexItems
{
    /// <summary>A member that Codex adds to items for its own backend.</summary>
    public const string Passthrough = "internal_chat_message_metadata_passthrough";

    private static readonly string[] ProgramTags =
    [
        "environment_context", "user_instructions", "turn_aborted", "subagent_notification", "user_shell_command", "skill", "permissions instructions", "collaboration_mode",
        "recommended_plugins", "skills_instructions", "apps_instructions", "model_switch", "hook_prompt", "INSTRUCTIONS",
    ];

    /// <summary>Events that repeat what items hold, or hold nothing of the conversation.</summary>
    public static IReadOnlySet<string> KnownEvents { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "agent_message", "agent_reasoning", "agent_reasoning_raw_content", "agent_reasoning_section_break", "context_compacted", "patch_apply_begin", "patch_apply_end", "mcp_tool_call_begin", "mcp_tool_call_end",
        "exec_command_begin", "exec_command_end", "web_search_begin", "web_search_end", "entered_review_mode", "exited_review_mode", "item_started", "item_completed", "error", "warning", "stream_error",
        "thread_name_updated", "thread_goal_updated", "plan_update", "turn_diff", "view_image_tool_call", "image_generation_end", "dynamic_tool_call_request", "dynamic_tool_call_response", "undo_completed",
        "collab_agent_spawn_begin", "collab_agent_interaction_begin", "collab_agent_interaction_end", "collab_waiting_begin", "collab_waiting_end", "collab_close_begin", "collab_close_end", "collab_resume_begin", "collab_resume_end",
        "sub_agent_activity", "guardian_assessment", "model_reroute", "background_event", "deprecation_notice", "session_configured",
    };

    /// <summary>Whether the program wrote a message in a person's place.</summary>
    public static bool IsByProgram(string text)
    {
        var trimmed = text.AsSpan().TrimStart();
        if (trimmed.StartsWith("# AGENTS.md instructions", StringComparison.Ordinal))
        {
            return true;
        }

        foreach (var tag in ProgramTags)
        {
            if (trimmed.Length > tag.Length + 1 && trimmed[0] == '<' && trimmed[1..].StartsWith(tag, StringComparison.Ordinal) && trimmed[tag.Length + 1] is '>' or ' ')
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whose an item is.</summary>
    public static ItemSide SideOf(JsonElement item) =>
        ItemKind.SideOf(Encoding.UTF8.GetBytes(item.Text("type"u8) ?? ""), Encoding.UTF8.GetBytes(item.Text("role"u8) ?? ""), Encoding.UTF8.GetBytes(item.Text("execution"u8) ?? ""));

    /// <summary>A message of the client.</summary>
    public static ReadOnlyMemory<byte> UserMessage(string text) => StrictJson.Bytes(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("type", "message");
        writer.WriteString("role", "user");
        writer.WriteStartArray("content");
        writer.WriteObject(("type", "input_text"), ("text", StrictJson.Clean(text)));
        writer.WriteEndArray();
        writer.WriteEndObject();
    });
}
