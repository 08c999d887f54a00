using System.CommandLine;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>connect</c>: prints a client's settings for this proxy; changes nothing.</summary>
internal static class ConnectVerb
{
    private static readonly string[] Clients = ["claude-code", "codex", "gemini-cli", "opencode", "bytebot", "sdk"];

    public static Command Create(CliContext context)
    {
        var client = new Argument<string>("CLIENT") { Description = string.Join(", ", Clients) };
        client.AcceptOnlyFromAmong(Clients);
        var command = new Command("connect", "Prints a client's settings for this proxy; changes nothing") { client };
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

        1. In the shell that starts it:

             export ANTHROPIC_BASE_URL={{address}}/anthropic
        {{(hasKeys ? "     export ANTHROPIC_CUSTOM_HEADERS=\"LlmProxy-Key: YOUR_KEY\"\n" : "")}}
           or for good, in ~/.claude/settings.json:

             { "env": { "ANTHROPIC_BASE_URL": "{{address}}/anthropic" } }

        2. To report that a session went well, a hook in ~/.claude/settings.json. It gets the session's id as JSON on
           its input and tells the proxy; without it the proxy judges by the last reply:

             { "hooks": { "SessionEnd": [ { "hooks": [ { "type": "command", "command": "{{Hook(address, hasKeys)}}" } ] } ] } }

           SessionEnd runs once, when you leave. "Stop" in its place runs after every turn. The hook says "success";
           to report a failure by hand: llmproxy tasks complete session:ID --failed

        What a base URL that is not Anthropic's changes in Claude Code:
           - MCP tool search is off, so all tools stand in each prompt. The proxy passes everything on, so switch it on:
               export ENABLE_TOOL_SEARCH=true
           - its connection check goes to that address; the proxy answers it without a key.
           - with HTTPS_PROXY set it sends even this address through that proxy; make it an exception:
               export NO_PROXY=localhost,127.0.0.1
           Its own key or login stays as it is and is passed on untouched.

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

        The built-in provider ignores OPENAI_BASE_URL. It first tries a WebSocket; the proxy answers 426 and Codex goes
        on over HTTP at once (LlmProxy:Recording:WebSockets=pass lets the WebSocket through, unrecorded).

        """;

    private static string GeminiCli(string address, bool hasKeys) =>
        $"""
        Gemini CLI

             export GOOGLE_GEMINI_BASE_URL={address}/gemini
             export GEMINI_API_KEY=...
        {(hasKeys ? "     export GEMINI_API_KEY=YOUR_KEY        # in place of Google's, with LlmProxy:Upstreams:gemini:ApiKeyEnv\n" : "")}
        With HTTPS_PROXY set it sends even this address through that proxy: export NO_PROXY=localhost,127.0.0.1

        """;

    private static string OpenCode(string address, bool hasKeys) =>
        $$"""
        opencode, in opencode.json (those that you use):

             {
               "provider": {
                 "anthropic": { "options": { "baseURL": "{{address}}/anthropic/v1"{{Headers()}} } },
                 "openai":    { "options": { "baseURL": "{{address}}/openai/v1"{{Headers()}} } },
                 "google":    { "options": { "baseURL": "{{address}}/gemini/v1beta"{{Headers()}} } }
               }
             }

        """.Replace("HEADERS", hasKeys ? ", \"headers\": { \"LlmProxy-Key\": \"YOUR_KEY\" }" : "", StringComparison.Ordinal);

    private static string Headers() => "HEADERS";

    private static string Bytebot(string address, bool hasKeys) =>
        $"""
        Bytebot, in docker/.env (from a container, localhost is host.docker.internal):

             ANTHROPIC_BASE_URL={address}/anthropic
             OPENAI_BASE_URL={address}/openai/v1
             GOOGLE_GEMINI_BASE_URL={address}/gemini
             BYTEBOT_LLM_PROXY_URL={address}/proxy/v1

        The last one is for models behind LiteLLM and the like, at the address of the cluster "proxy". Bytebot's own
        settings (BYTEBOT_RECORD_TRAJECTORIES, BYTEBOT_FEW_SHOT_COUNT and the others) work in the proxy's environment.
        Its tool set_task_status tells the proxy how a task ended; the examples stand before OPERATING PRINCIPLES.
        {(hasKeys ? "\nGive YOUR_KEY as ANTHROPIC_API_KEY, OPENAI_API_KEY and GEMINI_API_KEY; the proxy puts the providers' keys in\ntheir place where LlmProxy:Upstreams:CLUSTER:ApiKeyEnv is set.\n" : "")}
        """;

    private static string Sdk(string address, bool hasKeys) =>
        $"""
        SDKs read these variables, or take the same as an option:

             export ANTHROPIC_BASE_URL={address}/anthropic          # Anthropic SDKs: baseURL, base_url
             export OPENAI_BASE_URL={address}/openai/v1             # OpenAI SDKs: baseURL, base_url, Endpoint
             export GOOGLE_GEMINI_BASE_URL={address}/gemini         # Google GenAI: httpOptions.baseUrl

        Any other server (LiteLLM, Ollama, vLLM, OpenRouter): {address}/proxy/v1, with its address in
             ReverseProxy__Clusters__proxy__Destinations__default__Address=http://localhost:4000/

        Vercel AI SDK wants the version in all of them: {address}/anthropic/v1, {address}/openai/v1, {address}/gemini/v1beta.

        Calls find their task by themselves. To say more, send headers: LlmProxy-Task: an id of yours,
        LlmProxy-Task-Description: what it is, LlmProxy-Few-Shot: off, LlmProxy-Record: off. None of them goes on to the provider.
        When the task is over:

             curl -X POST {address}/_llmproxy/tasks/last/complete -H 'Content-Type: application/json' -d '{SuccessBody}'
        {(hasKeys ? "\nThis proxy has keys: send yours in the header LlmProxy-Key with every call.\n" : "")}
        """;

    private const string SuccessBody = "{\"success\":true}";
}
