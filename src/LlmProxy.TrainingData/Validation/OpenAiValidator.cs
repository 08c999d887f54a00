using System.Text;
using System.Text.Json;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Validation;

/// <summary>OpenAI's rules for a supervised chat line (FineTuneChatRequestInput; Azure's "Vision fine-tuning" for the kinds of images).</summary>
internal class OpenAiValidator(FormatLimits limits) : LineValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "messages", "tools", "parallel_tool_calls", "functions");
        var messages = List(line, "messages", "the line", findings);
        CheckMessages(messages, findings, textOnly: false);
        CheckTools(line, findings);
        if (messages.Count == 0)
        {
            return;
        }

        if (!messages.Exists(m => TextOf(m, "role") == "assistant"))
        {
            findings.Add("no-assistant", "there is no assistant message to learn from");
        }
        else if (TextOf(messages[^1], "role") != "assistant")
        {
            findings.Add("last-message", "the last message must be the assistant's");
        }
        else if (messages.Where(m => TextOf(m, "role") == "assistant").All(m => Get(m, "weight").ValueKind == JsonValueKind.Number && Get(m, "weight").GetRawText() == "0"))
        {
            findings.Add("nothing-trained", "every assistant message has weight 0");
        }
    }

    protected override int CountTokens(string text) => LineTokens.OfOpenAiText(text);

    /// <summary>Tools and what goes with them.</summary>
    protected static void CheckTools(JsonElement holder, LineFindings findings)
    {
        CheckOpenAiTools(holder, findings);
        if (Get(holder, "parallel_tool_calls").ValueKind is not (JsonValueKind.Undefined or JsonValueKind.True or JsonValueKind.False))
        {
            findings.Add("parallel-tool-calls", "\"parallel_tool_calls\" must be true or false");
        }
    }

    /// <summary>Messages by themselves and in their order.</summary>
    protected void CheckMessages(IReadOnlyList<JsonElement> messages, LineFindings findings, bool textOnly)
    {
        var open = new List<string>();
        for (var i = 0; i < messages.Count; i++)
        {
            var where = FormattableString.Invariant($"message {i + 1}");
            var message = messages[i];
            if (message.ValueKind != JsonValueKind.Object)
            {
                findings.Add("message-type", where + " must be an object");
                continue;
            }

            CheckKeys(message, where, findings, "role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal");
            var role = TextOf(message, "role");
            if (role is null)
            {
                findings.Add("missing-role", where + " has no role");
                continue;
            }

            if (role is not ("system" or "user" or "assistant" or "tool" or "function"))
            {
                findings.Add("unknown-role", $"{where} has the role \"{role}\"");
                continue;
            }

            // Each call is answered before the next turn of anybody else.
            if (role != "tool" && open.Count > 0)
            {
                findings.Add("tool-call-unanswered", $"the call {open[0]} is not answered before {where}");
                open.Clear();
            }

            CheckWeight(message, role, where, findings);
            if (role == "assistant")
            {
                CheckAssistant(message, where, findings, open);
            }
            else if (role == "tool")
            {
                var id = TextOf(message, "tool_call_id");
                if (string.IsNullOrEmpty(id))
                {
                    findings.Add("missing-tool-call-id", where + " has no tool_call_id");
                }
                else if (!open.Remove(id))
                {
                    findings.Add("tool-without-call", $"{where} answers {id}, which no assistant message just before it calls");
                }

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
        if (weight.ValueKind is JsonValueKind.Undefined)
        {
            return;
        }

        if (role != "assistant")
        {
            findings.Add("weight-role", $"{where} has a weight; only assistant messages may");
        }
        else if (weight.ValueKind != JsonValueKind.Number || weight.GetRawText() is not ("0" or "1"))
        {
            findings.Add("weight-value", $"the weight of {where} must be 0 or 1, not {weight.GetRawText()}");
        }
    }

    private void CheckAssistant(JsonElement message, string where, LineFindings findings, List<string> open)
    {
        var content = Get(message, "content");
        var calls = Get(message, "tool_calls");
        var hasCalls = calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() > 0;
        if (calls.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Array) || (calls.ValueKind == JsonValueKind.Array && !hasCalls))
        {
            findings.Add("tool-calls-type", $"\"tool_calls\" of {where} must be a list that holds something");
        }

        var isEmpty = !content.Exists() || (content.ValueKind == JsonValueKind.String && content.Text() is { Length: 0 });
        if (isEmpty && !hasCalls && !Get(message, "function_call").Exists())
        {
            findings.Add("assistant-empty", where + " has neither content nor tool calls");
        }
        else if (!isEmpty)
        {
            CheckContent(message, where, findings, takesImages: false);
        }

        if (hasCalls)
        {
            foreach (var call in calls.EnumerateArray())
            {
                CheckCall(call, where, findings, open);
            }
        }
    }

    private static void CheckCall(JsonElement call, string where, LineFindings findings, List<string> open)
    {
        var id = TextOf(call, "id");
        if (string.IsNullOrEmpty(id))
        {
            findings.Add("missing-call-id", $"a tool call of {where} has no id");
        }
        else if (open.Contains(id))
        {
            findings.Add("call-id-twice", $"two calls of {where} have the id {id}");
        }
        else
        {
            open.Add(id);
        }

        if (TextOf(call, "type") != "function")
        {
            findings.Add("call-type", $"a tool call of {where} must have the type \"function\"");
        }

        var function = Get(call, "function");
        CheckFunctionName(TextOf(function, "name"), findings);
        var arguments = Get(function, "arguments");
        if (arguments.ValueKind != JsonValueKind.String)
        {
            findings.Add("arguments-type", $"the arguments of a tool call of {where} must be a string of JSON");
            return;
        }

        using var parsed = LenientJson.Parse(Encoding.UTF8.GetBytes(arguments.Text()!));
        if (parsed is null)
        {
            findings.Add("arguments-json", $"the arguments of a tool call of {where} are no JSON");
        }
    }

    private void CheckContent(JsonElement message, string where, LineFindings findings, bool takesImages)
    {
        var content = Get(message, "content");
        if (content.ValueKind == JsonValueKind.String)
        {
            if (content.Text() is { Length: 0 })
            {
                findings.Add("empty-content", $"the content of {where} is empty");
            }

            return;
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            findings.Add(content.Exists() ? "content-type" : "missing-content", $"the content of {where} must be a text or a list of parts");
            return;
        }

        if (content.GetArrayLength() == 0)
        {
            findings.Add("empty-content", $"the content of {where} is empty");
        }

        foreach (var part in content.EnumerateArray())
        {
            switch (TextOf(part, "type"))
            {
                case "text":
                    if (Get(part, "text").Text() is not { Length: > 0 })
                    {
                        findings.Add("empty-content", $"a text part of {where} is empty");
                    }

                    break;
                case "image_url":
                    findings.Images++;
                    if (takesImages)
                    {
                        CheckImage(Get(part, "image_url"), where, findings);
                    }
                    else
                    {
                        findings.Add("image-role", $"{where} holds an image; only user messages of a supervised line may");
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
        if (Get(image, "detail").Exists() && TextOf(image, "detail") is not ("low" or "high" or "auto"))
        {
            findings.Add("image-detail", $"the detail of an image of {where} must be low, high or auto");
        }

        if (url is null || !(url.StartsWith("https://", StringComparison.Ordinal) || url.StartsWith("http://", StringComparison.Ordinal) || url.StartsWith("data:", StringComparison.Ordinal)))
        {
            findings.Add("image-url", $"an image of {where} must be an address or a data URL");
            return;
        }

        if (!url.StartsWith("data:", StringComparison.Ordinal))
        {
            return;
        }

        var source = ImageSource.OfUrl(url);
        if (source.MediaType is not ("image/jpeg" or "image/png" or "image/webp"))
        {
            findings.Add("image-kind", $"an image of {where} must be JPEG, PNG or WEBP");
        }
        else if (source.ByteCount > Limits.MaxImageBytes)
        {
            findings.Add("image-size", FormattableString.Invariant($"an image of {where} has {source.ByteCount} bytes; {Limits.Source} takes {Limits.MaxImageBytes}"));
        }
    }
}

/// <summary>OpenAI's rules for a preference line (FineTunePreferenceRequestInput).</summary>
internal sealed class OpenAiDpoValidator(FormatLimits limits) : OpenAiValidator(limits)
{
    protected override void CheckObject(JsonElement line, LineFindings findings)
    {
        CheckKeys(line, "the line", findings, "input", "preferred_output", "non_preferred_output");
        var input = Get(line, "input");
        if (input.ValueKind != JsonValueKind.Object)
        {
            findings.Add("missing-input", "the line has no \"input\" that is an object");
        }
        else
        {
            CheckKeys(input, "the input", findings, "messages", "tools", "parallel_tool_calls");
            var messages = List(input, "messages", "the input", findings);
            CheckMessages(messages, findings, textOnly: true);
            CheckTools(input, findings);
            if (messages.Count > 0 && TextOf(messages[^1], "role") is not ("user" or "tool"))
            {
                findings.Add("input-end", "the last message of the input must be what both outputs answer: a user or tool message");
            }
        }

        var outputs = new[] { "preferred_output", "non_preferred_output" };
        foreach (var name in outputs)
        {
            var output = List(line, name, "the line", findings);
            if (output.Exists(m => TextOf(m, "role") is not ("assistant" or "tool")))
            {
                findings.Add("output-role", $"messages of {name} must be the assistant's or a tool's");
            }
            else if (output.Count > 0 && !output.Exists(m => TextOf(m, "role") == "assistant"))
            {
                findings.Add("no-assistant", $"{name} holds no assistant message");
            }
            else
            {
                CheckMessages(output, findings, textOnly: true);
            }
        }

        if (Get(line, outputs[0]).ValueKind == JsonValueKind.Array && JsonElement.DeepEquals(Get(line, outputs[0]), Get(line, outputs[1])))
        {
            findings.Add("outputs-equal", "both outputs are the same");
        }
    }
}
