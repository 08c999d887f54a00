using System.Text;
using System.Text.Json;
using LlmProxy.TrainingData.Formats;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>OpenAI's rules for a supervised chat line (FineTuneChatRequestInput; Azure's "Vision fine-tuning" for the kinds of images).</summary>
internal class OpenAiValidator(FormatLimits limits) : LineValidator(limits)
{
    private const int MostTools = 128;
    private readonly OpenAiTokens _tokens = new();

    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "messages", "tools", "parallel_tool_calls", "functions");
        var messages = List(line, "messages", "the line", findings);
        CheckMessages(messages, findings, textOnly: false);
        CheckTools(line, messages, findings);
        var replies = messages.FindAll(m => TextOf(m, "role") == "assistant");
        _ = messages.Count == 0
            || findings.AddIf(replies.Count == 0, "no-assistant", "there is no assistant message to learn from")
            || findings.AddIf(!EndsWith(messages, "assistant"), "last-message", "the last message must be the assistant's")
            || findings.AddIf(
                replies.TrueForAll(m => Get(m, "weight") is { ValueKind: JsonValueKind.Number } weight && weight.GetRawText() == "0"),
                "nothing-trained", "every assistant message has weight 0");
    }

    protected override int CountTokens(string text) => _tokens.Count(text);

    protected override int CountTokensExactly(string text) => OpenAiTokens.OfText(text);

    /// <summary>Tools and what goes with them.</summary>
    protected static void CheckTools(JsonElement holder, IEnumerable<JsonElement> messages, LineFindings findings)
    {
        CheckOpenAiTools(holder, findings);
        var tools = Get(holder, "tools").Items().ToList();
        var functions = Get(holder, "functions").Items().Select(f => TextOf(f, "name"));
        CheckDeclared(CalledBy(messages), DeclaredIn(Get(holder, "tools")).Concat(functions), findings);
        findings.AddIf(tools.Count > MostTools, "too-many-tools", $"{tools.Count} tools; OpenAI takes {MostTools}");
        findings.AddIf(
            tools.Count == 0 && Get(holder, "parallel_tool_calls").Exists(),
            "parallel-tool-calls", "\"parallel_tool_calls\" is there without \"tools\"");
        findings.AddIf(
            Get(holder, "parallel_tool_calls").ValueKind is not (JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.False),
            "parallel-tool-calls", "\"parallel_tool_calls\" must be true or false");
    }

    /// <summary>Messages one by one and in their order.</summary>
    protected void CheckMessages(IReadOnlyList<JsonElement> messages, LineFindings findings, bool textOnly)
    {
        var open = new List<string>();
        string? last = null;
        for (var i = 0; i < messages.Count; i++)
        {
            var where = FormattableString.Invariant($"message {i + 1}");
            var message = messages[i];
            if (findings.AddIf(message.ValueKind != JsonValueKind.Object, "message-type", $"{where} must be an object"))
            {
                continue;
            }

            CheckKeys(message, where, findings, "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal");
            var role = TextOf(message, "role");
            if (role is not ("system" or "user" or "assistant" or "tool" or "function"))
            {
                findings.Add(role is null ? "missing-role" : "unknown-role", role is null ? $"{where} has no role" : $"{where} has the role \"{role}\"");
                continue;
            }

            // Each call is answered before the next message of another role.
            if (findings.AddIf(role != "tool" && open.Count > 0, "tool-call-unanswered", $"the call {open[0]} is not answered before {where}"))
            {
                open.Clear();
            }

            // Azure's service refuses such a line as a whole.
            findings.AddIf(role == "assistant" && last == "assistant", "assistant-twice", $"{where} follows another assistant message");
            last = role;
            CheckWeight(message, role, where, findings);
            if (role == "assistant")
            {
                CheckAssistant(message, where, findings, open);
            }
            else if (role == "tool")
            {
                var id = TextOf(message, "tool_call_id") ?? "";
                _ = findings.AddIf(id.Length == 0, "missing-tool-call-id", $"{where} has no tool_call_id")
                    || findings.AddIf(!open.Remove(id), "tool-without-call", $"{where} answers {id}, which no assistant message just before it calls");
                CheckContent(message, where, findings, takesImages: false);
            }
            else
            {
                CheckContent(message, where, findings, takesImages: role == "user" && !textOnly);
            }
        }
    }

    private static void CheckWeight(JsonElement message, string role, string where, LineFindings findings)
    {
        var weight = Get(message, "weight");
        _ = weight.ValueKind is JsonValueKind.Undefined
            || findings.AddIf(role != "assistant", "weight-role", $"{where} has a weight; only assistant messages may")
            || findings.AddIf(
                weight.ValueKind != JsonValueKind.Number || weight.GetRawText() is not ("0" or "1"),
                "weight-value", $"the weight of {where} must be 0 or 1, not {weight.GetRawText()}");
    }

    private void CheckAssistant(JsonElement message, string where, LineFindings findings, List<string> open)
    {
        var content = Get(message, "content");
        var calls = Get(message, "tool_calls");
        var hasCalls = calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() > 0;
        findings.AddIf(
            calls.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Array) || (calls.ValueKind == JsonValueKind.Array && !hasCalls),
            "tool-calls-type", $"\"tool_calls\" of {where} must be a list that holds something");
        var isEmpty = !content.Exists() || (content.ValueKind == JsonValueKind.String && content.Text() is { Length: 0 });
        findings.AddIf(isEmpty && !hasCalls && !Get(message, "function_call").Exists(), "assistant-empty", $"{where} has neither content nor tool calls");
        if (!isEmpty)
        {
            CheckContent(message, where, findings, takesImages: false);
        }

        foreach (var call in calls.Items())
        {
            CheckCall(call, where, findings, open);
        }
    }

    private static void CheckCall(JsonElement call, string where, LineFindings findings, List<string> open)
    {
        if (TextOf(call, "id") is { } id && open.Contains(id))
        {
            findings.Add("call-id-twice", $"two calls of {where} have the id {id}");
        }
        else
        {
            TakeId(call, "id", $"a tool call of {where}", open, findings);
        }

        findings.AddIf(TextOf(call, "type") != "function", "call-type", $"a tool call of {where} must have the type \"function\"");
        var function = Get(call, "function");
        CheckFunctionName(TextOf(function, "name"), findings);
        var arguments = Get(function, "arguments");
        using var parsed = LenientJson.Parse(Encoding.UTF8.GetBytes(arguments.Text() ?? ""));
        _ = findings.AddIf(arguments.ValueKind != JsonValueKind.String, "arguments-type", $"the arguments of a tool call of {where} must be a string of JSON")
            || findings.AddIf(parsed is null, "arguments-json", $"the arguments of a tool call of {where} are not valid JSON")
            || findings.AddIf(parsed!.RootElement.ValueKind == JsonValueKind.String, "arguments-encoded-twice", $"the arguments of a tool call of {where} are a string within a string of JSON")
            || findings.AddIf(parsed.RootElement.ValueKind != JsonValueKind.Object, "arguments-json", $"the arguments of a tool call of {where} are not a JSON object");
    }

    private void CheckContent(JsonElement message, string where, LineFindings findings, bool takesImages)
    {
        var content = Get(message, "content");
        if (content.ValueKind == JsonValueKind.String)
        {
            findings.AddIf(content.Text() is { Length: 0 }, "empty-content", $"the content of {where} is empty");
            return;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            findings.Add(content.Exists() ? "content-type" : "missing-content", $"the content of {where} must be a text or a list of parts");
            return;
        }

        findings.AddIf(content.GetArrayLength() == 0, "empty-content", $"the content of {where} is empty");
        foreach (var part in content.EnumerateArray())
        {
            switch (TextOf(part, "type"))
            {
                case "text":
                    findings.AddIf(Get(part, "text").Text() is not { Length: > 0 }, "empty-content", $"a text part of {where} is empty");
                    break;
                case "image_url":
                    findings.Images++;
                    if (!findings.AddIf(!takesImages, "image-role", $"{where} holds an image; only user messages of a supervised line may"))
                    {
                        CheckImage(Get(part, "image_url"), where, findings);
                    }

                    break;
                case var type:
                    findings.Add("content-part", $"{where} holds a part of the type \"{type}\"; text and image_url are taken");
                    break;
            }
        }
    }

    private void CheckImage(JsonElement image, string where, LineFindings findings)
    {
        var url = TextOf(image, "url");
        findings.AddIf(
            Get(image, "detail").Exists() && TextOf(image, "detail") is not ("low" or "high" or "auto"),
            "image-detail", $"the detail of an image of {where} must be low, high or auto");

        if (url?.StartsWith("data:", StringComparison.Ordinal) != true)
        {
            findings.AddIf(!LineFormat.IsWebAddress(url), "image-url", $"an image of {where} must be an address or a data URL");
            return;
        }

        var source = ImageSource.OfUrl(url);
        _ = findings.AddIf(source.MediaType is not ("image/jpeg" or "image/png" or "image/webp"), "image-kind", $"an image of {where} must be JPEG, PNG or WEBP")
            || findings.AddIf(
                source.ByteCount > Limits.MaxImageBytes,
                "image-size", $"an image of {where} has {source.ByteCount} bytes; {Limits.Source} takes {Limits.MaxImageBytes}");
    }
}

/// <summary>OpenAI's rules for a preference line (FineTunePreferenceRequestInput).</summary>
internal sealed class OpenAiDpoValidator(FormatLimits limits) : OpenAiValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "input", "preferred_output", "non_preferred_output");
        var input = Get(line, "input");
        if (!findings.AddIf(input.ValueKind != JsonValueKind.Object, "missing-input", "the line has no \"input\" that is an object"))
        {
            CheckKeys(input, "the input", findings, "messages", "tools", "parallel_tool_calls");
            var messages = List(input, "messages", "the input", findings);
            CheckMessages(messages, findings, textOnly: true);
            CheckTools(input, messages.Concat(Get(line, "preferred_output").Items()).Concat(Get(line, "non_preferred_output").Items()), findings);
            findings.AddIf(
                !EndsWith(messages, "user", "tool"),
                "input-end", "the last message of the input must be what both outputs answer: a user or tool message");
        }

        var outputs = new[] { "preferred_output", "non_preferred_output" };
        foreach (var name in outputs)
        {
            var output = List(line, name, "the line", findings);
            var roles = output.ConvertAll(m => TextOf(m, "role"));
            if (!findings.AddIf(roles.Exists(r => r is not ("assistant" or "tool")), "output-role", $"messages of {name} must be the assistant's or a tool's")
                && !findings.AddIf(roles.Count > 0 && !roles.Contains("assistant"), "no-assistant", $"{name} holds no assistant message"))
            {
                CheckMessages(output, findings, textOnly: true);
            }
        }

        findings.AddIf(
            Get(line, outputs[0]).ValueKind == JsonValueKind.Array && Get(line, outputs[0]).IsSameAs(Get(line, outputs[1])),
            "outputs-equal", "both outputs are the same");
    }
}
