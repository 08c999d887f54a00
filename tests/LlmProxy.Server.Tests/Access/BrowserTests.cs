using System.Text.Json.Nodes;
using LlmProxy.Tests.Browser;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

/// <summary>What a page in a real browser can do to a proxy without keys on the same machine: nothing.</summary>
public sealed class BrowserTests
{
    private const string Variable = "LLMPROXY_TEST_BROWSER_KEY";
    private const string Secret = "only-for-the-owner";

    // Everything that a page can send: with and without asking first, as an element, as a form, as a socket.
    private const string Script = """
        const body = JSON.stringify({ model: "m", max_tokens: 1, messages: [{ role: "user", content: "Hello" }] });
        const paths = ["/anthropic/v1/messages", "/openai/v1/chat/completions", "/openai/v1/responses", "/gemini/v1beta/models/g:generateContent", "/v1/messages", "/_llmproxy/tasks"];
        const done = {};
        const attempt = async (name, run) => { try { done[name] = String(await run()); } catch (error) { done[name] = "failed"; } };
        const load = (tag, set) => new Promise(resolve => { const e = document.createElement(tag); e.onload = () => resolve("loaded"); e.onerror = () => resolve("failed"); set(e); document.body.append(e); });
        const socket = url => new Promise(resolve => { const s = new WebSocket(url, ["realtime"]); s.onopen = () => resolve("open"); s.onerror = () => resolve("failed"); });
        addEventListener("load", async () => {
          document.body ||= document.createElement("body");
          for (const at of targets) {
            for (const path of paths) {
              await attempt("no-cors " + at + path, async () => (await fetch(at + path, { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body })).type);
              await attempt("cors " + at + path, async () => await (await fetch(at + path, { method: "POST", headers: { "Content-Type": "text/plain" }, body })).text());
              await attempt("preflight " + at + path, async () => await (await fetch(at + path, { method: "POST", headers: { "Content-Type": "application/json" }, body })).text());
              await attempt("credentials " + at + path, async () => await (await fetch(at + path, { method: "POST", credentials: "include", body })).text());
            }
            await attempt("read " + at, async () => await (await fetch(at + "/_llmproxy/trajectories")).text());
            await attempt("script " + at, () => load("script", e => e.src = at + "/openai/v1/models"));
            await attempt("image " + at, () => load("img", e => e.src = at + "/openai/v1/models"));
            await attempt("frame " + at, () => load("iframe", e => e.src = at + "/anthropic/v1/models"));
            await attempt("beacon " + at, () => navigator.sendBeacon(at + "/anthropic/v1/messages", body));
            await attempt("form " + at, () => new Promise(resolve => {
              const frame = document.createElement("iframe"); frame.name = "f" + Math.random(); document.body.append(frame);
              const form = document.createElement("form"); form.method = "POST"; form.enctype = "text/plain"; form.target = frame.name; form.action = at + "/anthropic/v1/messages";
              const field = document.createElement("input"); field.name = body; form.append(field); document.body.append(form);
              frame.onload = () => resolve("sent"); form.submit();
            }));
            await attempt("socket " + at, () => socket(at.replace("http", "ws") + "/openai/v1/realtime"));
          }
          report(JSON.stringify(done));
        });
        """;

    [ChromiumFact]
    public async Task A_page_of_another_site_sends_no_completion_and_reads_no_answer()
    {
        await using var proxy = await StartAsync();
        string[] targets = [$"http://127.0.0.1:{proxy.Address.Port}", $"http://localhost:{proxy.Address.Port}", $"http://rebound.example:{proxy.Address.Port}"];

        var done = JsonNode.Parse(await Chromium.RunAsync($"const targets = {new JsonArray([.. targets.Select(t => (JsonNode)t)]).ToJsonString()};\n{Script}", "evil.example"))!.AsObject();

        Assert.Empty(proxy.Upstream.Received);
        Assert.Equal(targets.Length * 31, done.Count);
        Assert.DoesNotContain(done, attempt => attempt.Value!.ToString() is "open" or "loaded" && !attempt.Key.StartsWith("frame", StringComparison.Ordinal));
        Assert.DoesNotContain(Secret, done.ToJsonString(), StringComparison.Ordinal);
    }

    [ChromiumFact]
    public async Task A_page_of_an_allowed_origin_sends_completions()
    {
        await using var proxy = await StartAsync(("LlmProxy:Auth:AllowedOrigins", "http://friend.example:*"));

        var type = await Chromium.RunAsync($$"""fetch("http://127.0.0.1:{{proxy.Address.Port}}/anthropic/v1/messages", { method: "POST", mode: "no-cors", body: '{"model":"m","messages":[]}' }).then(r => report(r.type), e => report(String(e)));""", "friend.example");

        Assert.Equal("opaque", type);
        Assert.Single(proxy.Upstream.Received);
    }

    [Fact]
    public async Task An_agent_in_a_container_reaches_the_host()
    {
        await using var proxy = await StartAsync();
        const string Body = """{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hello"}]}""";

        var answer = await proxy.SendRawAsync($"POST /anthropic/v1/messages HTTP/1.1\r\nHost: host.docker.internal:{proxy.Address.Port}\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Equal([Secret], proxy.Upstream.Last.Headers["x-api-key"]);
    }

    private static async Task<RunningProxy> StartAsync(params (string Key, string Value)[] settings)
    {
        Environment.SetEnvironmentVariable(Variable, Secret);
        var proxy = await RunningProxy.StartAsync(null, [("LlmProxy:Upstreams:anthropic:ApiKeyEnv", Variable), ("LlmProxy:Upstreams:openai:ApiKeyEnv", Variable), .. settings]);
        proxy.Upstream.Answer = (context, _) =>
        {
            context.Response.Headers.AccessControlAllowOrigin = "*";
            context.Response.Headers["Access-Control-Allow-Headers"] = "*";
            return ScriptedUpstream.WriteAsync(context, $$"""{"secret":"{{Secret}}"}""", 200, "application/json");
        };
        return proxy;
    }
}
