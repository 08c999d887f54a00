using System.CommandLine;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>connect</c>: prints the settings of a client for this proxy; changes nothing.</summary>
internal static class ConnectVerb
{
    private static readonly string[] Clients = ["claude-code", "codex", "gemini-cli", "opencode", "bytebot", "sdk"];

    public static Command Create(CliContext context)
    {
        var client = new Argument<string>("CLIENT") { Description = string.Join(", ", Clients) };
        client.AcceptOnlyFromAmong(Clients);
        var command = new Command("connect", "Print the settings of a client for this proxy; changes nothing") { client };
        command.SetAction(parse =>
        {
            var configuration = context.ReadConfiguration(parse);
            var address = context.Addresses(parse, configuration)[0].TrimEnd('/')
                .Replace("://*", "://localhost", StringComparison.Ordinal).Replace("://+", "://localhost", StringComparison.Ordinal)
                .Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal).Replace("://127.0.0.1", "://localhost", StringComparison.Ordinal);
            context.Console.Out.Write(Text(parse.GetValue(client)!, address, configuration.Options.Auth.Keys.Count > 0));
            return ExitCodes.Done;
        });
        return command;
    }

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

        2. To report that a session succeeded, add a hook to ~/.claude/settings.json. It reads the session id from the
           JSON on its standard input. Without the hook, the proxy derives the outcome from the last reply:

             { "hooks": { "SessionEnd": [ { "hooks": [ { "type": "command", "command": "{{Hook(address, hasKeys)}}" } ] } ] } }

           SessionEnd runs once, when you leave; "Stop" instead would run after every turn. The hook reports success;
           to report a failure manually: llmproxy tasks complete session:ID --failed

        Claude Code behaves differently with a base URL other than Anthropic's:
           - MCP tool search is off, so each prompt contains all tools. The proxy supports it, so switch it on:
               export ENABLE_TOOL_SEARCH=true
           - its connection check uses that address; the proxy responds to it without a key.
           - with HTTPS_PROXY set, requests to this address use that proxy as well; add an exception:
               export NO_PROXY=localhost,127.0.0.1
           Claude Code's own key or login is forwarded unchanged.

        """;

    /// <summary>The hook as one line, escaped for a JSON string.</summary>
    private static string Hook(string address, bool hasKeys) =>
        $"curl -fsS -m 10 -X POST{(hasKeys ? " -H 'LlmProxy-Key: ADMIN_KEY'" : "")} {address}/_llmproxy/tasks/session:$(sed -n 's/.*\\\"session_id\\\" *: *\\\"\\\\([^\\\"]*\\\\)\\\".*/\\\\1/p')/complete -H 'Content-Type: application/json' -d '{{\\\"success\\\":true}}' >/dev/null || true";

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

        """;

    private static string GeminiCli(string address, bool hasKeys) =>
        $"""
        Gemini CLI

             export GOOGLE_GEMINI_BASE_URL={address}/gemini
             export GEMINI_API_KEY=...
        {(hasKeys ? "     export GEMINI_API_KEY=YOUR_KEY        # instead of Google's, with LlmProxy:Upstreams:gemini:ApiKeyEnv\n" : "")}
        With HTTPS_PROXY set, requests to this address use that proxy as well; add an exception: export NO_PROXY=localhost,127.0.0.1

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

        """;
    }

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
