namespace LlmProxy.Server.Access;

/// <summary>The places in a request that can hold a provider's key.</summary>
internal static class ProviderCredential
{
    public const string Bearer = "Bearer ";
    public const string AnthropicHeader = "x-api-key";
    public const string GeminiHeader = "x-goog-api-key";
    public const string GeminiParameter = "key";

    /// <summary>Every credential that the request carries.</summary>
    public static IEnumerable<string> Read(HttpRequest request)
    {
        foreach (var value in request.Headers.Authorization)
        {
            if (value is not null && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
            {
                yield return value[Bearer.Length..].Trim();
            }
        }

        foreach (var name in (string[])[AnthropicHeader, GeminiHeader])
        {
            foreach (var value in request.Headers[name])
            {
                if (!string.IsNullOrEmpty(value))
                {
                    yield return value;
                }
            }
        }

        foreach (var value in request.Query[GeminiParameter])
        {
            if (!string.IsNullOrEmpty(value))
            {
                yield return value;
            }
        }
    }

    /// <summary>Removes the query parameter <c>key</c> from a target if its value is a key of this proxy; all other bytes stay.</summary>
    public static string WithoutKey(string target, Func<string, bool> isOurs)
    {
        var question = target.IndexOf('?', StringComparison.Ordinal);
        if (question < 0)
        {
            return target;
        }

        var parts = target[(question + 1)..].Split('&');
        var kept = parts.Where(part => !(part.StartsWith(GeminiParameter + "=", StringComparison.Ordinal) && isOurs(Uri.UnescapeDataString(part[(GeminiParameter.Length + 1)..]).Trim()))).ToArray();
        return kept.Length == parts.Length ? target
            : kept.Length == 0 ? target[..question]
            : string.Concat(target.AsSpan(0, question + 1), string.Join('&', kept));
    }
}
