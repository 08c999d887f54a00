using LlmProxy.Core.Configuration;
using LlmProxy.Server.Upstreams;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server.Access;

/// <summary>
/// Removes this proxy's own keys from forwarded requests, and adds the provider's key if
/// <c>Upstreams:CLUSTER:ApiKeyEnv</c> names it and the client sent no credential of its own. Runs after
/// <see cref="RawTargetTransform"/>, which sets the target.
/// </summary>
internal sealed class ProviderKeys(KeyRing keys, LlmProxyOptions options) : RouteTransform
{
    public override void Apply(TransformBuilderContext context)
    {
        var variable = options.Upstreams.GetValueOrDefault(context.Route.ClusterId ?? "")?.ApiKeyEnv;
        if (variable is null && !keys.HasKeys)
        {
            return;
        }

        var providerKey = variable is null ? null : Environment.GetEnvironmentVariable(variable);
        var provider = context.Route.Metadata?.GetValueOrDefault(RouteProvider.Metadata);
        context.AddRequestTransform(transform =>
        {
            CredentialPlaces.RemoveOwn(transform.ProxyRequest, keys);
            if (providerKey is { Length: > 0 } && !CredentialPlaces.HasCredential(transform.ProxyRequest))
            {
                CredentialPlaces.Add(transform.ProxyRequest, provider, providerKey);
            }

            return ValueTask.CompletedTask;
        });
    }
}
