using System.CommandLine;
using System.Text.Json;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>connect</c>: prints the settings of a client for this proxy; changes nothing without <c>--install-command</c>.</summary>
internal static class ConnectVerb
{
    internal static readonly string[] Clients = ["claude-code", "codex", "gemini-cli", "opencode", "bytebot", "sdk"];

    public static Command Create(CliContext context)
    {
        var client = new Argument<string>("CLIENT") { Description = string.Join(", ", Clients) };
        client.AcceptOnlyFromAmong(Clients);
        var install = new Option<string?>("--install-command")
        {
            Description = "Also write a command to the client's folder with which a person states the session's outcome (claude-code, codex; default: the user's folder)",
            HelpName = "FOLDER",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var model = new Option<string?>("--model") { Description = "Also print the rule that sends the client's calls to this model of any provider, such as gpt-5.1", HelpName = "NAME" };
        var command = new Command("connect", "Print the settings of a client for this proxy; changes nothing without --install-command") { client, install, model };
        command.SetAction(parse =>
        {
            var configuration = context.ReadConfiguration(parse);
            var address = ForClients(context.ServerAddresses(parse, configuration)[0]);
            if (parse.GetResult(install) is not null)
            {
                var file = OutcomeCommand.Install(parse.GetValue(client)!, parse.GetValue(install), address);
                context.Console.Line($"Wrote {file}.");
                return ExitCodes.Done;
            }

            context.Console.Out.Write(Text(parse.GetValue(client)!, address, configuration.Options.Auth.Keys.Count > 0));
            if (parse.GetValue(model) is { Length: > 0 } name)
            {
                context.Console.Out.Write(Rule(parse.GetValue(client)!, name, new ProviderResolver(configuration.Options.Models)));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>The settings that send a client's calls to a model, whatever its provider.</summary>
    internal static string Rule(string client, string model, ProviderResolver providers)
    {
        var cluster = providers.Resolve(model, ProviderResolver.Unknown);
        var (variable, note) = cluster switch
        {
            "anthropic" => ("ANTHROPIC_API_KEY", ""),
            "openai" => ("OPENAI_API_KEY", ""),
            "gemini" => ("GEMINI_API_KEY", ""),
            _ => ("", "\nThe cluster \"proxy\" is a server of your own (LiteLLM, Ollama, vLLM) at ReverseProxy:Clusters:proxy:Destinations:default:Address.\n"),
        };
        var match = client is "sdk" ? "{}" : $"{{ \"client\": {JsonSerializer.Serialize(client)} }}";
        var key = variable.Length == 0 ? "" : $",\n         \"Upstreams\": {{ \"{cluster}\": {{ \"ApiKeyEnv\": \"{variable}\" }} }}";
        return $$"""

            All of its calls go to {{model}} by a rule in section LlmProxy of proxy.json (add "model": "claude-haiku-*" to "match" for some of them), with
            the provider's key in the proxy's environment; then restart the proxy:

                 "Routing": { "Rules": [{ "match": {{match}}, "to": { "cluster": "{{cluster}}", "model": {{JsonSerializer.Serialize(model)}} } }] }{{key}}
            {{note}}
            """;
    }

    /// <summary>The address that clients on this machine use for one that a server listens on.</summary>
    internal static string ForClients(string address) => address.TrimEnd('/')
        .Replace("://*", "://localhost", StringComparison.Ordinal).Replace("://+", "://localhost", StringComparison.Ordinal)
        .Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal).Replace("://127.0.0.1", "://localhost", StringComparison.Ordinal);

    internal static string Text(string client, string address, bool hasKeys) => client switch
    {
        "claude-code" => ClaudeCode(address, hasKeys),
        "codex" => Codex(address, hasKeys),
        "gemini-cli" => GeminiCli(address, hasKeys),
        "opencode" => OpenCode(address, hasKeys),
        "bytebot" => Bytebot(address, hasKeys),
        _ => Sdk(address, hasKeys),
    };

    private static string ClaudeCode(string address, bool hasKeys) =>
        $$"""
        Claude Code

        1. In the shell that starts Claude Code:

             export ANTHROPIC_BASE_URL={{address}}/anthropic
        {{(hasKeys ? "     export ANTHROPIC_CUSTOM_HEADERS=\"LlmProxy-Key: YOUR_KEY\"\n" : "")}}
           or permanently, in ~/.claude/settings.json:

             { "env": { "ANTHROPIC_BASE_URL": "{{address}}/anthropic" } }

        2. Claude Code names no outcome when a turn ends. This hook in ~/.claude/settings.json sends the results of its tests
           and builds, from which the outcome is estimated. It never blocks Claude Code, and takes 2 s at most:

             {{Hooks(address)}}
        {{(hasKeys ? "\n             The key: \"env\": { \"LLMPROXY_KEY\": \"YOUR_KEY\" } in the same file.\n" : "")}}
        3. State outcomes with one letter, /llmproxy-outcome y or n, after:

             llmproxy connect claude-code --install-command

        4. Let it look up earlier runs and report its outcome (MCP):

             claude mcp add --transport http llmproxy {{address}}/_llmproxy/mcp{{(hasKeys ? " --header \"LlmProxy-Key: YOUR_KEY\"" : "")}}

        Claude Code behaves differently with a base URL other than Anthropic's:
           - MCP tool search is off, so each prompt contains all tools. The proxy supports it, so switch it on:
               export ENABLE_TOOL_SEARCH=true
           - its connection check uses that address; the proxy responds to it without a key.
           - with HTTPS_PROXY set, requests to this address use that proxy as well; add an exception:
               export NO_PROXY=localhost,127.0.0.1
           Claude Code's own key or login is forwarded unchanged.

        """;

    /// <summary>The hooks as one line of JSON.</summary>
    private static string Hooks(string address)
    {
        var hook = $"[ {{ \"hooks\": [ {{ \"type\": \"command\", \"command\": \"llmproxy hook claude-code --urls {address}\", \"timeout\": 5 }} ] }} ]";
        return $"{{ \"hooks\": {{ \"Stop\": {hook}, \"SessionEnd\": {hook} }} }}";
    }

    private static string Codex(string address, bool hasKeys) =>
        $"""
        Codex

        With an API key, in ~/.codex/config.toml:

             model_provider = "llmproxy"

             [model_providers.llmproxy]
             name = "LlmProxy"
             base_url = "{address}/openai/v1"
             env_key = "OPENAI_API_KEY"
             wire_api = "responses"
        {(hasKeys ? "     http_headers = { \"LlmProxy-Key\" = \"YOUR_KEY\" }\n" : "")}
        With a ChatGPT login, in the same file:

             openai_base_url = "{address}/codex"

        The built-in provider ignores OPENAI_BASE_URL. It uses a WebSocket, which is recorded like HTTP. With
        LlmProxy:Recording:WebSockets=refuse the proxy responds with 426 and Codex falls back to HTTP; pass forwards the
        WebSocket without recording it.

        Let it look up earlier runs and report its outcome (MCP), in the same file:

             [mcp_servers.llmproxy]
             url = "{address}/_llmproxy/mcp"
        {(hasKeys ? "     http_headers = { \"LlmProxy-Key\" = \"YOUR_KEY\" }\n" : "")}
        State outcomes with one letter, /prompts:llmproxy-outcome y or n, after:

             llmproxy connect codex --install-command

        """;

    private static string GeminiCli(string address, bool hasKeys) =>
        $"""
        Gemini CLI

             export GOOGLE_GEMINI_BASE_URL={address}/gemini
             export GEMINI_API_KEY=...
        {(hasKeys ? "     export GEMINI_API_KEY=YOUR_KEY        # instead of Google's, with LlmProxy:Upstreams:gemini:ApiKeyEnv\n" : "")}
        With HTTPS_PROXY set, requests to this address use that proxy as well; add an exception: export NO_PROXY=localhost,127.0.0.1

        Let it look up earlier runs and report its outcome (MCP), in ~/.gemini/settings.json:

             {McpServer("mcpServers", "\"httpUrl\"", address, hasKeys)}

        """;

    private static string OpenCode(string address, bool hasKeys)
    {
        var headers = hasKeys ? ", \"headers\": { \"LlmProxy-Key\": \"YOUR_KEY\" }" : "";
        return $$"""
        opencode, in opencode.json (only the providers that you use):

             {
               "provider": {
                 "anthropic": { "options": { "baseURL": "{{address}}/anthropic/v1"{{headers}} } },
                 "openai":    { "options": { "baseURL": "{{address}}/openai/v1"{{headers}} } },
                 "google":    { "options": { "baseURL": "{{address}}/gemini/v1beta"{{headers}} } }
               }
             }

        Let it look up earlier runs and report its outcome (MCP), in the same file:

             {{McpServer("mcp", "\"type\": \"remote\", \"enabled\": true, \"url\"", address, hasKeys)}}

        """;
    }

    /// <summary>The MCP server as one line of a client's JSON settings.</summary>
    private static string McpServer(string section, string url, string address, bool hasKeys) =>
        $"{{ \"{section}\": {{ \"llmproxy\": {{ {url}: \"{address}/_llmproxy/mcp\"{(hasKeys ? ", \"headers\": { \"LlmProxy-Key\": \"YOUR_KEY\" }" : "")} }} }} }}";

    private static string Bytebot(string address, bool hasKeys) =>
        $"""
        Bytebot, in docker/.env (from a container, localhost is host.docker.internal):

             ANTHROPIC_BASE_URL={address}/anthropic
             OPENAI_BASE_URL={address}/openai/v1
             GOOGLE_GEMINI_BASE_URL={address}/gemini
             BYTEBOT_LLM_PROXY_URL={address}/proxy/v1

        The last one is for models served by LiteLLM and similar, at the address of the cluster "proxy". Bytebot's own
        settings (BYTEBOT_RECORD_TRAJECTORIES, BYTEBOT_FEW_SHOT_COUNT and the others) work in the proxy's environment.
        Its tool set_task_status reports the outcome of a task; examples are inserted before OPERATING PRINCIPLES.
        {(hasKeys ? "\nSet YOUR_KEY as ANTHROPIC_API_KEY, OPENAI_API_KEY and GEMINI_API_KEY; the proxy replaces it by the provider's key\nif LlmProxy:Upstreams:CLUSTER:ApiKeyEnv is set.\n" : "")}
        """;

    private static string Sdk(string address, bool hasKeys) =>
        $"""
        SDKs read these variables, or accept the same as an option:

             export ANTHROPIC_BASE_URL={address}/anthropic          # Anthropic SDKs: baseURL, base_url
             export OPENAI_BASE_URL={address}/openai/v1             # OpenAI SDKs: baseURL, base_url, Endpoint
             export GOOGLE_GEMINI_BASE_URL={address}/gemini         # Google GenAI: httpOptions.baseUrl

        Any other server (LiteLLM, Ollama, vLLM, OpenRouter): {address}/proxy/v1, with its address in
             ReverseProxy__Clusters__proxy__Destinations__default__Address=http://localhost:4000/

        Vercel AI SDK requires the version in all of them: {address}/anthropic/v1, {address}/openai/v1, {address}/gemini/v1beta.

        Requests are assigned to tasks automatically. To control that, send headers: LlmProxy-Task: an id of your choice,
        LlmProxy-Task-Description: what was asked, LlmProxy-Few-Shot: off, LlmProxy-Record: off. They are not forwarded.
        When the task has ended:

             curl -X POST {address}/_llmproxy/tasks/last/complete -H 'Content-Type: application/json' -d '{SuccessBody}'
        {(hasKeys ? "\nThis proxy requires a key: send yours in header LlmProxy-Key with every request.\n" : "")}
        """;

    private const string SuccessBody = "{\"success\":true}";
}
