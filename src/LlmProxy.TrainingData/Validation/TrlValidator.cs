using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>TRL's rules for a conversation, and those of the chat templates that it uses.</summary>
internal class TrlValidator(FormatLimits limits) : LineValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        List<JsonElement> messages;
        if (Get(line, "prompt").Exists() || Get(line, "completion").Exists())
        {
            CheckKeys(line, "the line", findings, "prompt", "completion", "tools", "images");
            var prompt = List(line, "prompt", "the line", findings);
            var completion = List(line, "completion", "the line", findings);
            findings.AddIf(!EndsWith(prompt, "user", "tool"), "prompt-end", "the prompt must end with a user or tool message");
            findings.AddIf(completion.Count > 0 && TextOf(completion[0], "role") != "assistant", "completion-start", "the completion must begin with an assistant message");
            messages = [.. prompt, .. completion];
        }
        else
        {
            CheckKeys(line, "the line", findings, "messages", "tools", "images");
            messages = List(line, "messages", "the line", findings);
        }

        CheckMessages(messages, "message", findings);
        findings.AddIf(!EndsWith(messages, "assistant"), "last-message", "the last message must be the assistant's");
        CheckTools(line, messages, findings);
        CheckImages(line, findings);
    }

    /// <summary>Tools: a list, or the list as a text of JSON, which the documentation has for <c>datasets</c> before 4.7.</summary>
    protected static void CheckTools(JsonElement line, IEnumerable<JsonElement> messages, LineFindings findings)
    {
        var tools = Get(line, "tools");
        using var text = tools.ValueKind == JsonValueKind.String ? LenientJson.Parse(System.Text.Encoding.UTF8.GetBytes(tools.Text()!)) : null;
        if (tools.ValueKind == JsonValueKind.String)
        {
            tools = text?.RootElement ?? default;
            if (findings.AddIf(tools.ValueKind != JsonValueKind.Array, "tools-type", "\"tools\" must be a list, or a text of JSON that holds one"))
            {
                return;
            }

            CheckOpenAiTools(tools.Items(), findings);
        }
        else
        {
            CheckOpenAiTools(line, findings);
        }

        CheckDeclared(CalledBy(messages), DeclaredIn(tools), findings);
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
        var all = new List<JsonElement>(prompt);
        foreach (var name in (ReadOnlySpan<string>)["chosen", "rejected"])
        {
            var messages = List(line, name, "the line", findings);
            CheckMessages(messages, name + " message", findings);
            all.AddRange(messages);
            findings.AddIf(
                messages.Count > 0 && TextOf(messages[0], "role") != "assistant",
                "completion-start", $"\"{name}\" must begin with an assistant message");
        }

        findings.AddIf(
            Get(line, "chosen").IsSameAs(Get(line, "rejected")),
            "outputs-equal", "chosen and rejected are the same");
        CheckTools(line, all, findings);
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

            CheckKeys(messages[i], where, findings, "from", "value", "train");
            findings.AddIf(
                Get(messages[i], "train").ValueKind is not (JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.False),
                "train-value", $"\"train\" of {where} must be true or false");
            findings.AddIf(!IsText(Get(messages[i], "value")), "empty-value", $"{where} has no value that is a text");
            findings.AddIf(from == "system" && i > 0, "system-place", $"{where} is from the system and not the first");
            findings.AddIf(
                last is null or "system" && from is not ("human" or "system"),
                "first-message", $"{where} is from {from}; a conversation begins with human");
            findings.AddIf(
                from == last || (from is "human" or "tool" && last is "human" or "tool"),
                "alternation", $"{where} is from the same side as the one before it; LLaMA-Factory skips the example");
            findings.AddIf(from == "tool" && last != "gpt", "tool-place", $"{where} is from a tool and does not follow gpt");
            last = from;
        }

        findings.AddIf(messages.Count > 0 && last != "gpt", "last-message", "the last message must be from gpt");
    }
}
