using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>TRL's rules for a conversation, and those of the chat templates that it uses.</summary>
internal class TrlValidator(FormatLimits limits) : LineValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "messages", "tools", "images");
        var messages = List(line, "messages", "the line", findings);
        CheckMessages(messages, "message", findings);
        findings.AddIf(!EndsWith(messages, "assistant"), "last-message", "the last message must be the assistant's");
        CheckOpenAiTools(line, findings);
        CheckImages(line, findings);
    }

    /// <summary>Messages one by one and in their order.</summary>
    protected static void CheckMessages(List<JsonElement> messages, string what, LineFindings findings)
    {
        string? last = null;
        for (var i = 0; i < messages.Count; i++)
        {
            var where = FormattableString.Invariant($"{what} {i + 1}");
            var message = messages[i];
            var role = TextOf(message, "role");
            if (role is not ("system" or "user" or "assistant" or "tool"))
            {
                findings.Add(role is null ? "missing-role" : "unknown-role", $"{where} has the role \"{role}\"; it must be system, user, assistant or tool");
                continue;
            }

            CheckKeys(message, where, findings, "role", "content", "name", "tool_calls", "tool_call_id", "thinking", "train");
            findings.AddIf(role == "system" && i > 0, "system-place", $"{where} is a system message and not the first");
            findings.AddIf(
                role == last && role is "user" or "assistant",
                "alternation", $"{where} has the same role as the one before it; chat templates demand that they alternate");
            findings.AddIf(
                role == "tool" && last is not ("assistant" or "tool"),
                "tool-place", $"{where} is a tool message without a call before it");
            findings.AddIf(role == "tool" && string.IsNullOrEmpty(TextOf(message, "name")), "tool-name", $"{where} is a tool message without a name");
            last = role;
            CheckContent(message, role, where, findings);
            CheckCalls(message, role, where, findings);
        }
    }

    private static void CheckContent(JsonElement message, string role, string where, LineFindings findings)
    {
        var content = Get(message, "content");
        var hasCalls = Get(message, "tool_calls").ValueKind == JsonValueKind.Array && Get(message, "tool_calls").GetArrayLength() > 0;
        if (content.ValueKind == JsonValueKind.Array)
        {
            foreach (var part in content.EnumerateArray())
            {
                var type = TextOf(part, "type");
                findings.Images += type == "image" ? 1 : 0;
                findings.AddIf(
                    type is not ("text" or "image") || (type == "text" && Get(part, "text").ValueKind != JsonValueKind.String),
                    "content-part", $"{where} holds a part that is neither text nor image");
            }

            findings.AddIf(content.GetArrayLength() == 0 && !hasCalls, "empty-content", $"the content of {where} is empty");
        }
        else if (content.ValueKind == JsonValueKind.String || (hasCalls && content.ValueKind == JsonValueKind.Undefined))
        {
            findings.AddIf(!hasCalls && content.Text() is { Length: 0 }, "empty-content", $"the content of {where} is empty");
        }
        else
        {
            findings.Add("content-type", $"the content of {where} must be a text{(role == "assistant" ? " (an empty one with calls)" : "")}");
        }
    }

    private static void CheckCalls(JsonElement message, string role, string where, LineFindings findings)
    {
        var calls = Get(message, "tool_calls");
        if (findings.AddIf(
            calls.ValueKind is not JsonValueKind.Undefined && (role != "assistant" || calls.ValueKind != JsonValueKind.Array),
            "tool-calls-type", $"\"tool_calls\" of {where} must be a list of an assistant message"))
        {
            return;
        }

        foreach (var call in calls.Items())
        {
            var function = Get(call, "function");
            findings.AddIf(TextOf(call, "type") != "function", "call-type", $"a tool call of {where} must have the type \"function\"");
            CheckFunctionName(TextOf(function, "name"), findings);
            findings.AddIf(
                Get(function, "arguments").ValueKind != JsonValueKind.Object,
                "arguments-type", $"the arguments of a tool call of {where} must be an object, not a string");
        }
    }

    private static void CheckImages(JsonElement line, LineFindings findings)
    {
        var images = Get(line, "images");
        var count = images.ValueKind == JsonValueKind.Array ? images.GetArrayLength() : 0;
        findings.AddIf(
            images.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Array) || count != findings.Images,
            "images-column", $"the column \"images\" holds {count}, and the messages name {findings.Images}");
    }
}

/// <summary>TRL's rules for a preference with an explicit prompt.</summary>
internal sealed class TrlDpoValidator(FormatLimits limits) : TrlValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "prompt", "chosen", "rejected", "tools");
        var prompt = List(line, "prompt", "the line", findings);
        CheckMessages(prompt, "prompt message", findings);
        findings.AddIf(!EndsWith(prompt, "user", "tool"), "prompt-end", "the prompt must end with a user or tool message");
        foreach (var name in (ReadOnlySpan<string>)["chosen", "rejected"])
        {
            var messages = List(line, name, "the line", findings);
            CheckMessages(messages, name + " message", findings);
            findings.AddIf(
                messages.Count > 0 && TextOf(messages[0], "role") != "assistant",
                "completion-start", $"\"{name}\" must begin with an assistant message");
        }

        findings.AddIf(
            Get(line, "chosen").IsSameAs(Get(line, "rejected")),
            "outputs-equal", "chosen and rejected are the same");
        CheckOpenAiTools(line, findings);
    }
}

/// <summary>The rules of the ShareGPT form as Axolotl reads it (<c>field_messages: conversations</c>).</summary>
internal sealed class ShareGptValidator(FormatLimits limits) : LineValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "conversations");
        var messages = List(line, "conversations", "the line", findings);
        string? last = null;
        for (var i = 0; i < messages.Count; i++)
        {
            var where = FormattableString.Invariant($"message {i + 1}");
            var from = TextOf(messages[i], "from");
            if (from is not ("system" or "human" or "gpt" or "tool"))
            {
                findings.Add("unknown-role", $"{where} is from \"{from}\"; it must be from system, human, gpt or tool");
                continue;
            }

            CheckKeys(messages[i], where, findings, "from", "value");
            findings.AddIf(!IsText(Get(messages[i], "value")), "empty-value", $"{where} has no value that is a text");
            findings.AddIf(from == "system" && i > 0, "system-place", $"{where} is from the system and not the first");
            findings.AddIf(
                last is null or "system" && from is not ("human" or "system"),
                "first-message", $"{where} is from {from}; a conversation begins with human");
            findings.AddIf(from == last, "alternation", $"{where} is from the same as the one before it");
            findings.AddIf(from == "tool" && last != "gpt", "tool-place", $"{where} is from a tool and does not follow gpt");
            last = from;
        }

        findings.AddIf(messages.Count > 0 && last != "gpt", "last-message", "the last message must be from gpt");
    }
}
