using System.Net.Http.Headers;
using LlmProxy.Server.Access;
using LlmProxy.Wire;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>
/// Makes the message of a routed request: another target, and none of the client's headers but its user agent. They are of another
/// provider, and may hold its credentials. Runs after the transforms that keep requests as they are.
/// </summary>
internal sealed class RoutedRequest : RouteTransform
{
    // The version that the translation writes (platform.claude.com, "Versions").
    private const string AnthropicVersion = "2023-06-01";

    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public override void Apply(TransformBuilderContext context) => context.AddRequestTransform(static transform =>
    {
        if (transform.HttpContext.Features.Get<RoutedUpstream>() is not { } upstream)
        {
            return ValueTask.CompletedTask;
        }

        var message = transform.ProxyRequest;
        message.RequestUri = new Uri(transform.DestinationPrefix.TrimEnd('/') + upstream.Path, AsWritten);
        var client = message.Headers.NonValidated.TryGetValues("User-Agent", out var agent) ? agent.ToString() : null;
        message.Headers.Clear();
        if (client is not null)
        {
            message.Headers.TryAddWithoutValidation("User-Agent", client);
        }

        if (upstream.Dialect == DialectKind.AnthropicMessages)
        {
            message.Headers.TryAddWithoutValidation("anthropic-version", AnthropicVersion);
        }

        if (upstream.Key is { } key)
        {
            CredentialPlaces.Add(message, upstream.Provider, key);
        }

        if (message.Content is { } content)
        {
            content.Headers.ContentEncoding.Clear();
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return ValueTask.CompletedTask;
    });
}
