using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Sdk;

/// <summary>Contents of chat messages as content blocks of Anthropic's Messages API.</summary>
internal static class ChatContents
{
    /// <summary>The blocks of some contents; usage and other contents that are no part of a conversation have none.</summary>
    public static JsonArray Blocks(IEnumerable<AIContent> contents) => [.. contents.Select(Block).OfType<JsonObject>()];

    public static JsonObject Text(string text) => new() { ["type"] = "text", ["text"] = text };

    private static JsonObject? Block(AIContent content) => content switch
    {
        TextContent text => Text(text.Text),
        TextReasoningContent reasoning => new() { ["type"] = "thinking", ["thinking"] = reasoning.Text, ["signature"] = reasoning.ProtectedData ?? "" },
        FunctionCallContent call => new() { ["type"] = "tool_use", ["id"] = call.CallId, ["name"] = call.Name, ["input"] = Arguments(call) },
        FunctionResultContent result => ToolResult(result),
        DataContent data => Source(data.HasTopLevelMediaType("image"), new() { ["type"] = "base64", ["media_type"] = data.MediaType, ["data"] = data.Base64Data.ToString() }),
        UriContent uri => Source(uri.HasTopLevelMediaType("image"), new() { ["type"] = "url", ["url"] = uri.Uri.AbsoluteUri }),
        HostedFileContent file => Source(isImage: false, new() { ["type"] = "file", ["file_id"] = file.FileId }),
        _ => null,
    };

    public static JsonNode? Arguments(FunctionCallContent call) => JsonSerializer.SerializeToNode(
        call.Arguments ?? new Dictionary<string, object?>(StringComparer.Ordinal), AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(IDictionary<string, object?>)));

    private static JsonObject ToolResult(FunctionResultContent result)
    {
        IEnumerable<AIContent> contents = result.Result switch
        {
            null => result.Exception is { } error ? [new TextContent(error.Message)] : [],
            AIContent content => [content],
            IEnumerable<AIContent> several => several,
            string text => [new TextContent(text)],
            JsonElement { ValueKind: JsonValueKind.String } text => [new TextContent(text.GetString())],
            var value => [new TextContent(JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value.GetType())))],
        };
        var block = new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = result.CallId, ["content"] = Blocks(contents) };
        if (result.Exception is not null)
        {
            block["is_error"] = true;
        }

        return block;
    }

    private static JsonObject Source(bool isImage, JsonObject source) => new() { ["type"] = isImage ? "image" : "document", ["source"] = source };
}
