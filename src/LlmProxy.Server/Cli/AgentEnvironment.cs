using System.Text.Json.Nodes;

namespace LlmProxy.Server.Cli;

/// <summary>What an agent's process needs to use the proxy: variables, and for Codex options.</summary>
/// <param name="Variables">Environment variables.</param>
/// <param name="Arguments">Arguments to put before the user's.</param>
internal sealed record AgentEnvironment(IReadOnlyDictionary<string, string> Variables, IReadOnlyList<string> Arguments)
{
    private const string Loopback = "localhost,127.0.0.1";

    /// <summary>The settings for a program.</summary>
    /// <param name="program">The program, such as <c>claude</c> or a path to it. Any program gets the variables that SDKs read.</param>
    /// <param name="address">The proxy's address.</param>
    /// <param name="key">A key of the proxy, or null.</param>
    /// <param name="environment">The environment of this process.</param>
    public static AgentEnvironment Of(string program, Uri address, string? key, Func<string, string?> environment)
    {
        var origin = address.GetLeftPart(UriPartial.Authority);
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [CliContext.ServerVariable] = origin,
            ["ANTHROPIC_BASE_URL"] = origin + "/anthropic",
            ["OPENAI_BASE_URL"] = origin + "/openai/v1",
            ["GOOGLE_GEMINI_BASE_URL"] = origin + "/gemini",
        };

        // Agents send requests to loopback through a proxy of the environment, too.
        if ((environment("HTTPS_PROXY") ?? environment("https_proxy") ?? environment("HTTP_PROXY") ?? environment("http_proxy")) is { Length: > 0 })
        {
            var exceptions = environment("NO_PROXY") ?? environment("no_proxy");
            variables["NO_PROXY"] = variables["no_proxy"] = string.IsNullOrEmpty(exceptions) ? Loopback : $"{exceptions},{Loopback}";
        }

        return Path.GetFileNameWithoutExtension(program).ToLowerInvariant() switch
        {
            "claude" => ClaudeCode(variables, key, environment),
            "codex" => Codex(variables, origin, key, environment),
            "opencode" => OpenCode(variables, origin, key, environment),
            _ => new(variables, []),
        };
    }

    private static AgentEnvironment ClaudeCode(Dictionary<string, string> variables, string? key, Func<string, string?> environment)
    {
        // With another base URL Claude Code switches tool search off, which the proxy supports.
        variables["ENABLE_TOOL_SEARCH"] = environment("ENABLE_TOOL_SEARCH") ?? "true";
        if (key is not null)
        {
            const string Headers = "ANTHROPIC_CUSTOM_HEADERS";
            variables[Headers] = string.Join('\n', new[] { environment(Headers), $"{ProxyHeaders.Key}: {key}" }.Where(line => !string.IsNullOrEmpty(line)));
        }

        return new(variables, []);
    }

    /// <summary>Codex ignores OPENAI_BASE_URL: it takes a provider of its own with a key, or another base URL with a login.</summary>
    private static AgentEnvironment Codex(Dictionary<string, string> variables, string origin, string? key, Func<string, string?> environment)
    {
        if (string.IsNullOrEmpty(environment("OPENAI_API_KEY")) && key is null)
        {
            return new(variables, ["-c", $"openai_base_url=\"{origin}/codex\""]);
        }

        List<string> arguments =
        [
            "-c", "model_provider=\"llmproxy\"",
            "-c", "model_providers.llmproxy.name=\"LlmProxy\"",
            "-c", $"model_providers.llmproxy.base_url=\"{origin}/openai/v1\"",
            "-c", "model_providers.llmproxy.env_key=\"OPENAI_API_KEY\"",
            "-c", "model_providers.llmproxy.wire_api=\"responses\"",
        ];
        if (key is not null)
        {
            // From the environment: other users see arguments.
            arguments.AddRange(["-c", $"model_providers.llmproxy.env_http_headers={{ \"{ProxyHeaders.Key}\" = \"{ApiConnection.KeyVariable}\" }}"]);
        }

        return new(variables, arguments);
    }

    private static AgentEnvironment OpenCode(Dictionary<string, string> variables, string origin, string? key, Func<string, string?> environment)
    {
        const string Content = "OPENCODE_CONFIG_CONTENT";
        JsonObject config;
        try
        {
            config = environment(Content) is { Length: > 0 } own && JsonNode.Parse(own) is JsonObject read ? read : [];
        }
        catch (System.Text.Json.JsonException)
        {
            throw new CliException($"The environment variable {Content} is not valid JSON.");
        }

        var providers = config["provider"] as JsonObject ?? [];
        config["provider"] = providers.Parent is null ? providers : providers.DeepClone();
        providers = config["provider"]!.AsObject();
        foreach (var (name, path) in new[] { ("anthropic", "/anthropic/v1"), ("openai", "/openai/v1"), ("google", "/gemini/v1beta") })
        {
            var options = new JsonObject { ["baseURL"] = origin + path };
            if (key is not null)
            {
                options["headers"] = new JsonObject { [ProxyHeaders.Key] = key };
            }

            var provider = providers[name] as JsonObject ?? [];
            if (provider.Parent is null)
            {
                providers[name] = provider;
            }

            provider["options"] = options;
        }

        variables[Content] = config.ToJsonString();
        return new(variables, []);
    }
}
