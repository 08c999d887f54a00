using System.Globalization;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>Calls of tools that the provider runs itself: web search, code execution, MCP, advisor. Call and result are in one reply.</summary>
internal static class HostedTool
{
    /// <summary>A call with its result, if the reply holds one.</summary>
    public static ToolCall Call(string? id, string name, string arguments, ToolResult? answer) =>
        new(id ?? name, name, arguments) { IsAnswered = true, IsHosted = true, Answer = answer };

    /// <summary>The call of an Anthropic block (<c>server_tool_use</c>, <c>mcp_tool_use</c>), its result from the blocks of the same message.</summary>
    public static ToolCall OfBlock(JsonElement block, JsonElement content, MessageBuilder message)
    {
        var id = block.Text("id"u8) ?? "";
        var input = block.Get("input"u8);
        var result = content.Items().FirstOrDefault(other => other.Text("tool_use_id"u8) == id && other.Text("type"u8)?.EndsWith("_tool_result", StringComparison.Ordinal) == true);
        return Call(id, block.Text("name"u8) ?? "", input.Text() ?? (input.Exists() ? input.RawText() : "{}"), result.Exists() ? ResultOf(id, result, message) : null);
    }

    /// <summary>The call of an item of Responses that has no call id (<c>web_search_call</c>, <c>code_interpreter_call</c>, <c>mcp_call</c>…).</summary>
    public static ToolCall OfItem(JsonElement item, string type, MessageBuilder message)
    {
        var id = item.Text("id"u8) ?? type;
        var arguments = First(item, "arguments", "action");
        var text = arguments.Text() ?? (arguments.Exists() ? arguments.RawText() : Members(item, "code", "queries", "revised_prompt"));
        var error = item.Get("error"u8);
        var output = error.Exists() ? error : First(item, "output", "outputs", "results");
        var failed = error.Exists() || item.Get("status"u8).Is("failed"u8);
        return Call(
            id,
            item.Text("name"u8) ?? type[..^"_call".Length],
            text,
            output.Exists() || failed ? ResultContent.Read(id, output, failed, message)
            : item.Get("result"u8).Exists() ? new ToolResult(id, ImageSource.Mark, false, true)
            : null);
    }

    /// <summary>A call of Gemini's code execution; the result is the part after it.</summary>
    public static ToolCall OfCode(JsonElement code, JsonElement result, int number)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"code_execution#{number}");
        var outcome = result.Text("outcome"u8);
        return Call(
            id,
            "code_execution",
            code.RawText(),
            result.Exists() ? new ToolResult(id, result.Text("output"u8) ?? outcome ?? "", outcome is not (null or "OUTCOME_OK"), false) : null);
    }

    private static ToolResult ResultOf(string id, JsonElement block, MessageBuilder message)
    {
        var content = block.Get("content"u8);
        var failed = block.Get("is_error"u8).ValueKind == JsonValueKind.True
            || content.Text("type"u8)?.EndsWith("_error", StringComparison.Ordinal) == true
            || content.Number("return_code"u8) is not (null or 0);
        // Found pages: the encrypted text is for the provider alone.
        var pages = content.Items().Where(part => part.Get("encrypted_content"u8).Exists()).Select(part => $"{part.Text("title"u8)} {part.Text("url"u8)}".Trim()).ToList();
        return pages.Count > 0 ? new ToolResult(id, string.Join('\n', pages), failed, false) : ResultContent.Read(id, content, failed, message);
    }

    private static JsonElement First(JsonElement holder, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (holder.Get(System.Text.Encoding.ASCII.GetBytes(name)) is var found && found.Exists())
            {
                return found;
            }
        }

        return default;
    }

    private static string Members(JsonElement holder, params ReadOnlySpan<string> names)
    {
        var members = new List<string>();
        foreach (var name in names)
        {
            if (holder.Get(System.Text.Encoding.ASCII.GetBytes(name)) is var found && found.Exists())
            {
                members.Add($"\"{name}\":{found.RawText()}");
            }
        }

        return "{" + string.Join(',', members) + "}";
    }
}
