using System.Net.Http.Headers;

namespace LlmProxy.Server.Access;

/// <summary>
/// The places of a request that can hold a credential: one table by which keys are read, removed and added. A key of this
/// proxy is removed wherever it is found; any other credential of the client is kept, and then none is added to it.
/// </summary>
internal static class CredentialPlaces
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };
    private const string Authorization = "Authorization";
    private const string AnthropicHeader = "x-api-key";
    private const string GeminiHeader = "x-goog-api-key";
    private const string Subprotocols = "Sec-WebSocket-Protocol";
    private const string Cookies = "Cookie";

    // Browsers cannot set headers of a WebSocket: OpenAI Realtime takes the key as a subprotocol with this prefix.
    private const string SubprotocolPrefix = "openai-insecure-api-key.";

    // Proxy-Authorization is for a proxy, so YARP does not forward it.
    private static readonly string[] KeptHeaders = [Authorization, AnthropicHeader, GeminiHeader, "api-key"];
    private static readonly string[] ReadHeaders = [.. KeptHeaders, "Proxy-Authorization"];
    private static readonly string[] Parameters = ["key", "api-key", "api_key", "access_token"];
    private static readonly string[] CredentialWords = ["key", "auth", "token", "secret", "credential", "cookie"];

    /// <summary>The owner of the first key of this proxy in place of the provider's key, or null. Cookies are no credential: a browser sends them for any page.</summary>
    public static Caller? FindCaller(HttpRequest request, KeyRing keys)
    {
        foreach (var name in ReadHeaders)
        {
            foreach (var value in request.Headers[name])
            {
                if (KeySearch.Find(keys, value) is { } caller)
                {
                    return caller;
                }
            }
        }

        foreach (var name in Parameters)
        {
            foreach (var value in request.Query[name])
            {
                if (KeySearch.Find(keys, value) is { } caller)
                {
                    return caller;
                }
            }
        }

        return request.Headers[Subprotocols].Select(value => KeySearch.Find(keys, value)).FirstOrDefault(caller => caller is not null);
    }

    /// <summary>Removes every key of this proxy from a request to an upstream.</summary>
    public static void RemoveOwn(HttpRequestMessage request, KeyRing keys)
    {
        List<(string Name, List<string> Kept)>? changed = null;
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            var isSubprotocol = name.Equals(Subprotocols, StringComparison.OrdinalIgnoreCase);
            if (!isSubprotocol && !Array.Exists(CredentialWords, word => name.Contains(word, StringComparison.OrdinalIgnoreCase)))
            {
                continue;
            }

            var kept = isSubprotocol ? Without(values, ", ", keys)
                : name.Equals(Cookies, StringComparison.OrdinalIgnoreCase) ? Without(values, "; ", keys)
                : [.. values.Where(value => KeySearch.Find(keys, value) is null)];
            if (!kept.SequenceEqual(values, StringComparer.Ordinal))
            {
                (changed ??= []).Add((name, kept));
            }
        }

        foreach (var (name, kept) in changed ?? [])
        {
            request.Headers.Remove(name);
            if (kept.Count > 0)
            {
                request.Headers.TryAddWithoutValidation(name, kept);
            }
        }

        if (keys.HasKeys && request.RequestUri is { } uri && WithoutKeys(uri.OriginalString, value => KeySearch.Find(keys, value) is not null) is { } target && !ReferenceEquals(target, uri.OriginalString))
        {
            request.RequestUri = new Uri(target, AsWritten);
        }
    }

    /// <summary>Whether a request to an upstream carries a credential.</summary>
    public static bool HasCredential(HttpRequestMessage request)
    {
        var headers = request.Headers.NonValidated;
        return Array.Exists(KeptHeaders, name => headers.TryGetValues(name, out var values) && !values.All(IsEmpty))
            || (headers.TryGetValues(Subprotocols, out var protocols) && protocols.Any(value => value.Contains(SubprotocolPrefix, StringComparison.OrdinalIgnoreCase)))
            || (request.RequestUri is { } uri && HasParameter(uri.OriginalString));
    }

    /// <summary>Adds the provider's key in the place where the provider expects it. Empty credentials, which clients without a key send, are replaced.</summary>
    public static void Add(HttpRequestMessage request, string? provider, string key)
    {
        foreach (var empty in KeptHeaders)
        {
            request.Headers.Remove(empty);
        }

        var (name, value) = provider switch
        {
            "anthropic" => (AnthropicHeader, key),
            "gemini" => (GeminiHeader, key),
            _ => (Authorization, "Bearer " + key),
        };
        request.Headers.TryAddWithoutValidation(name, value);
    }

    /// <summary>Removes the query parameters that hold a key of this proxy from a target; all other bytes stay.</summary>
    public static string WithoutKeys(string target, Func<string, bool> isOurs)
    {
        var question = target.IndexOf('?', StringComparison.Ordinal);
        if (question < 0)
        {
            return target;
        }

        var parts = target[(question + 1)..].Split('&');
        var kept = parts.Where(part => !isOurs(Decoded(part[(part.IndexOf('=', StringComparison.Ordinal) + 1)..]))).ToArray();
        return kept.Length == parts.Length ? target
            : kept.Length == 0 ? target[..question]
            : string.Concat(target.AsSpan(0, question + 1), string.Join('&', kept));
    }

    private static bool HasParameter(string target)
    {
        var question = target.IndexOf('?', StringComparison.Ordinal);
        return question >= 0 && target[(question + 1)..].Split('&').Any(part =>
            part.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals
            && equals < part.Length - 1
            && Parameters.Contains(Decoded(part[..equals]), StringComparer.OrdinalIgnoreCase));
    }

    // As ASP.NET reads a query.
    private static string Decoded(string text) => Uri.UnescapeDataString(text.Replace('+', ' ')).Trim();

    /// <summary>The entries of a list without those that hold a key of this proxy.</summary>
    private static List<string> Without(HeaderStringValues values, string separator, KeyRing keys)
    {
        var result = new List<string>();
        foreach (var value in values)
        {
            if (KeySearch.Find(keys, value) is null)
            {
                result.Add(value);
                continue;
            }

            var entries = value.Split(separator[0], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(entry => KeySearch.Find(keys, entry) is null).ToList();
            if (entries.Count > 0)
            {
                result.Add(string.Join(separator, entries));
            }
        }

        return result;
    }

    private static bool IsEmpty(string value) => value.AsSpan().Trim() is var text && (text.IsEmpty || text.Equals("Bearer", StringComparison.OrdinalIgnoreCase));
}
