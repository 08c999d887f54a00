using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>The rules of Anthropic's Messages API for a request with its response, and of this archive: no thinking, no cache marks.</summary>
internal sealed class AnthropicValidator(FormatLimits limits) : LineValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "model", "system", "tools", "messages");
        findings.AddIf(!IsText(Get(line, "model")), "missing-model", "the line has no \"model\"");
        CheckSystem(Get(line, "system"), findings);
        CheckTools(line, findings);
        CheckMessages(List(line, "messages", "the line", findings), findings);
    }

    private static void CheckSystem(JsonElement system, LineFindings findings)
    {
        var areTexts = system.Items().All(b => TextOf(b, "type") == "text" && IsText(Get(b, "text")));
        if (!findings.AddIf(
            system.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.String or JsonValueKind.Array) || !areTexts,
            "system-blocks", "\"system\" must be a text or a list of text blocks"))
        {
            foreach (var block in system.Items())
            {
                CheckCache(block, "the system prompt", findings);
            }
        }
    }

    private static void CheckTools(JsonElement line, LineFindings findings)
    {
        foreach (var tool in OptionalList(line, "tools", findings))
        {
            var name = TextOf(tool, "name");
            findings.AddIf(string.IsNullOrEmpty(name), "tool-name", "a tool has no name");

            // Tools of the server have a type of their own and no schema.
            var isServerTool = TextOf(tool, "type") is { } type && type != "custom";
            findings.AddIf(
                !isServerTool && Get(tool, "input_schema").ValueKind != JsonValueKind.Object,
                "tool-schema", $"the tool \"{name}\" has no input_schema that is an object");
            CheckCache(tool, $"the tool \"{name}\"", findings);
        }
    }

    private static void CheckMessages(List<JsonElement> messages, LineFindings findings)
    {
        var open = new List<string>();
        for (var i = 0; i < messages.Count; i++)
        {
            var where = FormattableString.Invariant($"message {i + 1}");
            var role = TextOf(messages[i], "role");
            if (role is not ("user" or "assistant" or "system"))
            {
                findings.Add(role is null ? "missing-role" : "unknown-role", $"{where} has the role \"{role}\"; it must be user or assistant");
                continue;
            }

            CheckKeys(messages[i], where, findings, "role", "content");
            findings.AddIf(i == 0 && role == "assistant", "first-message", "the first message must be the user's");
            var called = new List<string>();
            var answered = new List<string>();
            CheckContent(Get(messages[i], "content"), role, where, findings, called, answered);
            foreach (var id in answered.Where(id => !open.Remove(id)))
            {
                findings.Add("result-without-call", $"{where} answers {id}, which the message before it does not call");
            }

            findings.AddIf(open.Count > 0, "call-unanswered", $"the call {open[0]} is not answered by {where}");
            open = called;
        }

        findings.AddIf(!EndsWith(messages, "assistant"), "last-message", "the last message must be the assistant's");
    }

    private static void CheckContent(JsonElement content, string role, string where, LineFindings findings, List<string> called, List<string> answered)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            findings.AddIf(!IsText(content), "empty-content", $"the content of {where} is empty");
            return;
        }

        if (content.ValueKind != JsonValueKind.Array || content.GetArrayLength() == 0)
        {
            findings.Add(content.ValueKind == JsonValueKind.Array ? "empty-content" : "content-type", $"the content of {where} must be a text or a list of blocks that holds something");
            return;
        }

        foreach (var block in content.EnumerateArray())
        {
            CheckBlock(block, role, where, findings, called, answered);
        }
    }

    private static void CheckBlock(JsonElement block, string role, string where, LineFindings findings, List<string> called, List<string> answered)
    {
        CheckCache(block, where, findings);
        switch (TextOf(block, "type"))
        {
            case null:
                findings.Add("block-type", $"a block of {where} has no type");
                break;
            case "text":
                findings.AddIf(!IsText(Get(block, "text")), "empty-text", $"a text block of {where} is empty");
                break;
            case "thinking" or "redacted_thinking":
                findings.Add("thinking", $"{where} holds thinking, whose signature is bound to one model and key");
                break;
            case "image":
                findings.Images++;
                CheckImage(Get(block, "source"), where, findings);
                break;
            case "tool_use":
                CheckUse(block, role, where, findings, called);
                break;
            case "tool_result":
                findings.AddIf(role != "user", "result-role", $"{where} is not the user's and holds a tool result");
                TakeId(block, "tool_use_id", $"a tool result of {where}", answered, findings);
                break;
            default:
                break;
        }
    }

    private static void CheckUse(JsonElement block, string role, string where, LineFindings findings, List<string> called)
    {
        findings.AddIf(role != "assistant", "call-role", $"{where} is not the assistant's and calls a tool");
        TakeId(block, "id", $"a tool call of {where}", called, findings);
        findings.AddIf(string.IsNullOrEmpty(TextOf(block, "name")), "function-name", $"a tool call of {where} has no name");
        findings.AddIf(Get(block, "input").ValueKind != JsonValueKind.Object, "input-type", $"the input of a tool call of {where} must be an object");
    }

    private static void CheckImage(JsonElement source, string where, LineFindings findings)
    {
        var problem = TextOf(source, "type") switch
        {
            "base64" => TextOf(source, "media_type") is "image/png" or "image/jpeg" or "image/webp" or "image/gif" && IsText(Get(source, "data")) ? null : "must be PNG, JPEG, WEBP or GIF with its data",
            "url" => IsText(Get(source, "url")) ? null : "has no address",
            "file" => IsText(Get(source, "file_id")) ? null : "has no file_id",
            _ => "must have a source of the type base64, url or file",
        };
        findings.AddIf(problem is not null, "image-source", $"an image of {where} {problem}");
    }

    private static void CheckCache(JsonElement holder, string where, LineFindings findings)
    {
        findings.AddIf(Get(holder, "cache_control").Exists(), "cache-control", $"{where} holds cache_control, which belongs to one request");
    }
}
