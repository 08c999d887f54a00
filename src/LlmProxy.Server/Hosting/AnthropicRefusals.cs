using Anthropic.Exceptions;
using Microsoft.Extensions.AI;

namespace LlmProxy.Server.Hosting;

/// <summary>Reports an error response of Anthropic's as what it is for any SDK: a request that was refused, and costs nothing.</summary>
internal sealed class AnthropicRefusals(IChatClient inner) : DelegatingChatClient(inner)
{
    public override async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await base.GetResponseAsync(messages, options, cancellationToken);
        }
        catch (AnthropicApiException error)
        {
            throw new HttpRequestException(error.GetType().Name, error);
        }
    }
}
