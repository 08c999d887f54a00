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
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

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
            var isForeign = false;
            foreach (var credential in ProviderCredential.Read(transform.HttpContext.Request))
            {
                isForeign |= keys.Find(credential) is null;
            }

            RemoveOurs(transform.ProxyRequest);
            if (providerKey is { Length: > 0 } && !isForeign)
            {
                Add(transform.ProxyRequest, provider, providerKey);
            }

            return ValueTask.CompletedTask;
        });
    }

    private void RemoveOurs(HttpRequestMessage request)
    {
        var headers = request.Headers;
        if (headers.NonValidated.TryGetValues("Authorization", out var authorization)
            && authorization.Any(value => value.StartsWith(ProviderCredential.Bearer, StringComparison.OrdinalIgnoreCase) && IsOurs(value[ProviderCredential.Bearer.Length..].Trim())))
        {
            headers.Remove("Authorization");
        }

        foreach (var name in (string[])[ProviderCredential.AnthropicHeader, ProviderCredential.GeminiHeader])
        {
            if (headers.NonValidated.TryGetValues(name, out var values) && values.Any(IsOurs))
            {
                headers.Remove(name);
            }
        }

        if (request.RequestUri is { } uri)
        {
            var target = ProviderCredential.WithoutKey(uri.OriginalString, IsOurs);
            if (!ReferenceEquals(target, uri.OriginalString))
            {
                request.RequestUri = new Uri(target, AsWritten);
            }
        }
    }

    private bool IsOurs(string credential) => keys.Find(credential) is not null;

    private static void Add(HttpRequestMessage request, string? provider, string key)
    {
        var (name, value) = provider switch
        {
            "anthropic" => (ProviderCredential.AnthropicHeader, key),
            "gemini" => (ProviderCredential.GeminiHeader, key),
            _ => ("Authorization", ProviderCredential.Bearer + key),
        };
        request.Headers.TryAddWithoutValidation(name, value);
    }
}
