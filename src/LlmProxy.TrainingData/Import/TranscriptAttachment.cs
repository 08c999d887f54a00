using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>What the program attached to the conversation in a record of its own: words typed while the agent worked, and context that the model saw.</summary>
/// <param name="Text">The text; null if <paramref name="Content"/> holds blocks.</param>
/// <param name="Content">Content blocks, or undefined.</param>
/// <param name="IsQueued">Whether it is what was typed, or reported, while the agent worked.</param>
/// <param name="IsByProgram">Whether the program wrote it.</param>
internal sealed record TranscriptAttachment(string? Text, JsonElement Content, bool IsQueued, bool IsByProgram)
{
    /// <summary>Reads an attachment; null if the model saw nothing of it, or its form is not known.</summary>
    public static TranscriptAttachment? Read(JsonElement attachment)
    {
        var type = attachment.Text("type"u8);
        if (type == "queued_command")
        {
            var prompt = attachment.Get("prompt"u8);
            var isByProgram = attachment.Text("commandMode"u8) == "task-notification" || ProgramMessages.IsProgram(attachment.Get("origin"u8).Text("kind"u8), null);
            return prompt.Text() is { Length: > 0 } text ? new TranscriptAttachment(text, default, true, isByProgram)
                : prompt.ValueKind == JsonValueKind.Array ? new TranscriptAttachment(null, prompt, true, isByProgram)
                : null;
        }

        if (type is not ("file" or "hook_additional_context" or "nested_memory" or "plan_mode"))
        {
            return null;
        }

        var context = ContextOf(attachment.Get("content"u8)) ?? ContextOf(attachment.Get("planContent"u8));
        if (string.IsNullOrWhiteSpace(context))
        {
            return null;
        }

        var name = attachment.Text("filename"u8) ?? attachment.Text("path"u8) ?? attachment.Text("hookName"u8);
        return new TranscriptAttachment($"<system-reminder>\n{(name is null ? "" : name + ":\n")}{context}\n</system-reminder>", default, false, false);
    }

    private static string? ContextOf(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.String => content.Text(),
        JsonValueKind.Array => string.Join('\n', content.Items().Select(ContextOf).Where(t => !string.IsNullOrEmpty(t))),
        JsonValueKind.Object => content.Text("text"u8) ?? ContextOf(content.Get("content"u8)) ?? ContextOf(content.Get("file"u8)),
        _ => null,
    };
}
