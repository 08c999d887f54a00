using System.Text.Json;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Judging;

/// <summary>Asks a model for a JSON object.</summary>
internal static class JudgeReply
{
    /// <summary>The object that the model replies; null if it replies none, with the usage in each case.</summary>
    public static async Task<(JsonElement? Json, UsageDetails? Usage)> AskAsync(IChatClient client, string instructions, string question, CancellationToken cancellationToken)
    {
        ChatMessage[] messages = [new(ChatRole.System, instructions), new(ChatRole.User, question)];
        var response = await client.GetResponseAsync(messages, new ChatOptions { ResponseFormat = ChatResponseFormat.Json, MaxOutputTokens = 4_000 }, cancellationToken);
        return (Parse(response.Text), response.Usage);
    }

    /// <summary>Models put fences and sentences around what they are asked for.</summary>
    private static JsonElement? Parse(string text)
    {
        var (start, end) = (text.IndexOf('{', StringComparison.Ordinal), text.LastIndexOf('}'));
        if (start < 0 || end < start)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text.AsMemory(start, end - start + 1));
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // The caller abstains, as for a reply without an object.
            return null;
        }
    }
}
