using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Benchmarks.Crash;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Wire;

/// <summary>Responses over WebSocket: each <c>response.create</c> is a call, recorded and enhanced like one over HTTP.</summary>
public sealed class SocketTests
{
    private const string Tools = """{"type":"additional_tools","role":"developer","tools":[{"type":"custom","name":"exec","description":"Runs it"}]}""";
    private const string Developer = """{"type":"message","role":"developer","content":[{"type":"input_text","text":"You are Codex.\n\n════════\nOPERATING PRINCIPLES\n════════\n1. Be exact. \u00e9"}]}""";
    private const string Prewarm = """{"type":"response.create","model":"gpt-5.1","stream":true,"input":[],"generate":false,"prompt_cache_key":"s1"}""";
    private const string Second = """{"type":"response.create","model":"gpt-5.1","previous_response_id":"resp_1","input":[{"type":"custom_tool_call_output","call_id":"call_resp_1","output":"a.txt"}],"x":1.0}""";

    private static readonly (string, string)[] AllProviders = [("LlmProxy:Recording:Providers", "anthropic,openai")];

    private static string First(string previous = "\"previous_response_id\":\"resp_0\",") =>
        $$"""{ "type":"response.create", "model":"gpt-5.1",{{previous}}"input":[{{Tools}},{{Developer}},{"type":"message","role":"user","content":[{"type":"input_text","text":"List the folder"}]}],"y":1e3}""";

    [Fact]
    public async Task Calls_over_a_socket_with_a_prewarm_are_one_trajectory()
    {
        await using var proxy = await RunningProxy.StartAsync(null, AllProviders);
        var received = AnswerSockets(proxy);
        using var client = await ConnectAsync(proxy);

        var events = new List<string>();
        foreach (var call in (string[])[Prewarm, First(), Second])
        {
            await SendAsync(client, call);
            events.AddRange(await ReadReplyAsync(client));
        }

        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.Equal([.. Reply("resp_0", null), .. Reply("resp_1", Call("resp_1")), .. Reply("resp_2", Message)], events);
        Assert.Equal([Prewarm, Second], received.Where((_, i) => i != 1));

        var run = Assert.Single(await RunsAsync(proxy));
        Assert.Equal(("List the folder", 2, 1, "gpt-5.1"), (run.TaskDescription, run.IterationCount, run.ToolCallsCount, run.Model));
        Assert.Equal((20L, 4L), (run.TokenUsage!.Input, run.TokenUsage.Output));
        var steps = await proxy.ReadStepsAsync(run);
        Assert.Equal("You are Codex.\n\n════════\nOPERATING PRINCIPLES\n════════\n1. Be exact. é", steps[0].SystemPrompt);
        Assert.Equal(("exec", "ls"), (steps[0].Reply!.ToolCalls.Single().Name, steps[0].Reply!.ToolCalls.Single().Arguments));
        Assert.Equal("There is a.txt.", steps[1].Reply!.Text);
        Assert.Empty(await NotRecordedAsync(proxy));
    }

    [Fact]
    public async Task The_prompt_is_rewritten_in_the_call_that_begins_the_history_and_nowhere_else()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var received = AnswerSockets(proxy);
        using var client = await ConnectAsync(proxy);
        var first = First();

        foreach (var call in (string[])[Prewarm, first, Second])
        {
            await SendAsync(client, call);
            await ReadReplyAsync(client);
        }

        var sent = received.ToArray();
        Assert.Equal((Prewarm, Second), (sent[0], sent[2]));
        var after = Text(sent[1]);
        Assert.StartsWith("You are Codex.\n\n## Working Method\n", after, StringComparison.Ordinal);
        // Nothing but that one literal differs: the bytes around it are the client's.
        var start = first.IndexOf("\"You are Codex.", StringComparison.Ordinal);
        var end = first.IndexOf("}]},{\"type\":\"message\",\"role\":\"user\"", StringComparison.Ordinal);
        Assert.StartsWith(first[..start], sent[1], StringComparison.Ordinal);
        Assert.EndsWith(first[end..], sent[1], StringComparison.Ordinal);
        Assert.EndsWith("OPERATING PRINCIPLES\n════════\n1. Be exact. é", after, StringComparison.Ordinal);

        static string Text(string frame) => JsonNode.Parse(frame)!["input"]![1]!["content"]![0]!["text"]!.GetValue<string>();
    }

    [Fact]
    public async Task A_server_that_is_killed_in_the_middle_of_a_response_keeps_the_whole_ones_and_what_came_of_the_open_one()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-socket-");
        var store = $"Data Source={Path.Combine(folder.FullName, "llmproxy.db")}";
        await using var upstream = await ScriptedUpstream.StartAsync();
        var calls = 0;
        upstream.Answer = async (context, _) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            while (await ReadAsync(socket) is { Length: > 0 } text)
            {
                var id = $"resp_{Interlocked.Increment(ref calls)}";
                foreach (var part in Reply(id, text.Contains("call_output", StringComparison.Ordinal) ? Message : Call(id)).Take(id == "resp_2" ? 3 : 4))
                {
                    await SendAsync(socket, part);
                }
            }
        };
        await using (var server = new ServerProcess(folder.FullName,
        [
            $"LlmProxy:Storage:ConnectionString={store}",
            $"LlmProxy:Recording:Spool:Directory={Path.Combine(folder.FullName, "spool")}",
            "LlmProxy:Recording:MinDuration=00:00:00",
            "LlmProxy:Recording:Providers=openai",
            $"ReverseProxy:Clusters:openai:Destinations:default:Address={upstream.Address}",
        ]))
        {
            await server.StartAsync();
            using (var client = await ConnectAsync(server.Address.Port))
            {
                await SendAsync(client, First(""));
                await ReadReplyAsync(client);
                await SendAsync(client, Second);
                for (var part = 0; part < 3; part++)
                {
                    await ReadAsync(client);
                }

                await server.KillAsync();
            }

            await server.StartAsync();
            using (var client = await ConnectAsync(server.Address.Port))
            {
                // The client connects again and sends the whole history.
                await SendAsync(client, First("").Replace("}],\"y\":1e3", $$"""},{{Call("resp_1")}},{"type":"custom_tool_call_output","call_id":"call_resp_1","output":"a.txt"}],"y":1e3""", StringComparison.Ordinal));
                await ReadReplyAsync(client);
            }

            await CrashTrial.SettleAsync(server, CancellationToken.None);
            await server.KillAsync();
        }

        await using (var read = new SqliteTrajectoryStore(store, TimeProvider.System))
        {
            var run = Assert.Single((await read.ListAsync(new TrajectoryQuery("default") { Limit = 10 }, CancellationToken.None)).Items);
            var steps = await read.ReadStepsAsync(run.Id, CancellationToken.None);
            Assert.Equal([("resp_1", StepStatus.Ok), ("resp_2", StepStatus.ProxyStopped), ("resp_3", StepStatus.Ok)], steps.Select(step => (step.ResponseId, step.Status)));
            Assert.Equal((3, 1), (run.IterationCount, run.ToolCallsCount));
        }

        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_later_turn_over_a_new_socket_belongs_to_the_conversation()
    {
        await using var proxy = await RunningProxy.StartAsync(null, AllProviders);
        AnswerSockets(proxy);
        using (var client = await ConnectAsync(proxy))
        {
            foreach (var call in (string[])[Prewarm, First(), Second])
            {
                await SendAsync(client, call);
                await ReadReplyAsync(client);
            }
        }

        var whole = First().Replace("\"resp_0\"", "\"resp_3\"", StringComparison.Ordinal).Replace(
            "}],\"y\":1e3",
            $$"""},{{Call("resp_1")}},{"type":"custom_tool_call_output","call_id":"call_resp_1","output":"a.txt"},{{Message}},{"type":"message","role":"user","content":[{"type":"input_text","text":"Now read a.txt"}]}],"y":1e3""",
            StringComparison.Ordinal);
        using (var client = await ConnectAsync(proxy))
        {
            foreach (var call in (string[])[Prewarm, whole])
            {
                await SendAsync(client, call);
                await ReadReplyAsync(client);
            }
        }

        var runs = await RunsAsync(proxy);
        Assert.Equal([("List the folder", 2), ("Now read a.txt", 1)], runs.OrderBy(run => run.StartedAt).Select(run => (run.TaskDescription, run.IterationCount)));
        Assert.Single(runs.Select(run => run.ConversationId).Distinct());
    }

    [Fact]
    public async Task Lanes_answer_in_any_order_and_each_is_a_trajectory_of_its_own()
    {
        await using var proxy = await RunningProxy.StartAsync(null, AllProviders);
        proxy.Upstream.Answer = async (context, request) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            _ = await ReadAsync(socket);
            _ = await ReadAsync(socket);
            foreach (var (b, a) in Reply("resp_b", Message, "b").Zip(Reply("resp_a", Message, "a")))
            {
                await SendAsync(socket, b);
                await SendAsync(socket, a);
            }

            _ = await ReadAsync(socket);
        };
        using var client = await ConnectAsync(proxy);

        await SendAsync(client, InLane("a", "Read a.txt"));
        await SendAsync(client, InLane("b", "Read b.txt"));
        await ReadReplyAsync(client);
        await ReadReplyAsync(client);

        var runs = await RunsAsync(proxy);
        Assert.Equal(["Read a.txt", "Read b.txt"], runs.Select(run => run.TaskDescription).Order(StringComparer.Ordinal));
        foreach (var run in runs)
        {
            Assert.Equal("There is a.txt.", (await proxy.ReadStepsAsync(run)).Single().Reply!.Text);
        }

        static string InLane(string lane, string task) =>
            $$"""{"type":"response.create","stream_id":"{{lane}}","model":"gpt-5.1","input":[{{Tools}},{"type":"message","role":"user","content":"{{task}}"}]}""";
    }

    [Fact]
    public async Task Fragments_pings_binary_messages_and_other_messages_pass_as_they_are()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "openai"), ("LlmProxy:Prompts:Enabled", "false"));
        var (text, bytes) = (First(""), new byte[70_000]);
        new Random(1).NextBytes(bytes);
        var received = new ConcurrentQueue<string>();
        proxy.Upstream.Answer = async (context, request) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            for (var i = 0; i < 3; i++)
            {
                received.Enqueue(await ReadAsync(socket));
            }

            foreach (var part in Reply("resp_1", Message))
            {
                await socket.SendAsync(Encoding.UTF8.GetBytes(part[..10]), WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
                await SendAsync(socket, part[10..]);
            }

            _ = await ReadAsync(socket);
        };
        using var client = await ConnectAsync(proxy);

        await SendAsync(client, """{"type":"session.update"}""");
        await client.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
        foreach (var piece in Encoding.UTF8.GetBytes(text).Chunk(7))
        {
            await client.SendAsync(piece, WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
        }

        await client.SendAsync(Array.Empty<byte>(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        var events = await ReadReplyAsync(client);

        Assert.Equal(Reply("resp_1", Message), events);
        Assert.Equal(["""{"type":"session.update"}""", Convert.ToBase64String(bytes), text], received);
        var run = Assert.Single(await RunsAsync(proxy));
        Assert.Equal("There is a.txt.", (await proxy.ReadStepsAsync(run)).Single().Reply!.Text);
    }

    [Theory]
    [InlineData(false, ExchangeOutcome.ClientLeft)]
    [InlineData(true, ExchangeOutcome.UpstreamBroke)]
    public async Task An_abrupt_close_reaches_the_other_side_and_the_open_call_is_recorded_as_far_as_it_came(bool byUpstream, ExchangeOutcome expected)
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. AllProviders, ("LlmProxy:Recording:Failures", "true")]);
        var (read, left) = (new TaskCompletionSource(), new TaskCompletionSource());
        proxy.Upstream.Answer = async (context, request) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            _ = await ReadAsync(socket);
            await SendAsync(socket, Reply("resp_1", Message)[0]);
            await SendAsync(socket, """{"type":"response.output_text.delta","output_index":0,"delta":"There is"}""");
            if (byUpstream)
            {
                await read.Task;
                context.Abort();
                return;
            }

            await Assert.ThrowsAsync<WebSocketException>(() => ReadAsync(socket));
            left.SetResult();
        };
        using var client = await ConnectAsync(proxy);

        await SendAsync(client, First(""));
        await ReadAsync(client);
        await ReadAsync(client);
        read.SetResult();
        if (byUpstream)
        {
            await Assert.ThrowsAsync<WebSocketException>(() => ReadAsync(client)).WaitAsync(TimeSpan.FromSeconds(30));
        }
        else
        {
            client.Abort();
            await left.Task.WaitAsync(TimeSpan.FromSeconds(30));
        }

        await proxy.SettleAsync();
        var run = Assert.Single((await proxy.Store.ListAsync(new TrajectoryQuery("default") { Limit = 10 }, CancellationToken.None)).Items);
        var step = Assert.Single(await proxy.ReadStepsAsync(run));
        Assert.Equal((expected == ExchangeOutcome.ClientLeft ? StepStatus.ClientLeft : StepStatus.UpstreamBroke, "There is"), (step.Step.Status, step.Reply!.Text));
    }

    [Fact]
    public async Task A_message_over_the_limit_passes_as_it_came_and_is_counted()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:MaxBodyBytes", "64KiB"));
        var received = AnswerSockets(proxy);
        using var client = await ConnectAsync(proxy);
        var large = First().Replace("List the folder", new string('x', 100_000), StringComparison.Ordinal);

        await SendAsync(client, large);
        var events = await ReadReplyAsync(client);

        Assert.Equal((large, 4), (received.Single(), events.Count));
        Assert.Equal("""{"too-large":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
        Assert.Equal(0, proxy.Services.GetRequiredService<BufferBudget>().Used);
    }

    [Theory]
    [InlineData("/openai/v1/responses", "pass")]
    [InlineData("/openai/v1/realtime", "record")]
    public async Task A_socket_that_is_not_recorded_is_counted(string path, string setting)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:WebSockets", setting));
        AnswerSockets(proxy);
        using var client = await ConnectAsync(proxy, path);

        await SendAsync(client, Prewarm);
        await ReadReplyAsync(client);

        Assert.Equal("""{"web-socket":1}""", (await NotRecordedAsync(proxy)).ToJsonString());
    }

    [Fact]
    public async Task An_error_event_ends_its_call_and_the_next_call_is_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. AllProviders, ("LlmProxy:Recording:Failures", "true")]);
        const string Error = """{"type":"error","status":429,"error":{"type":"rate_limit_exceeded","message":"Slow down"}}""";
        proxy.Upstream.Answer = async (context, request) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            _ = await ReadAsync(socket);
            await SendAsync(socket, Error);
            _ = await ReadAsync(socket);
            foreach (var part in Reply("resp_1", Message))
            {
                await SendAsync(socket, part);
            }

            _ = await ReadAsync(socket);
        };
        using var client = await ConnectAsync(proxy);

        await SendAsync(client, First(""));
        Assert.Equal(Error, await ReadAsync(client));
        await SendAsync(client, First(""));
        await ReadReplyAsync(client);

        var run = Assert.Single(await RunsAsync(proxy));
        Assert.Equal("There is a.txt.", (await proxy.ReadStepsAsync(run))[^1].Reply!.Text);
    }

    private const string Message = """{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"There is a.txt."}]}""";

    private static string Call(string id) => $$"""{"type":"custom_tool_call","id":"ctc_{{id}}","call_id":"call_{{id}}","name":"exec","input":"ls"}""";

    private static string[] Reply(string id, string? item, string? lane = null)
    {
        var inLane = lane is null ? "" : $"\"stream_id\":\"{lane}\",";
        return
        [
            $$$"""{"type":"response.created",{{{inLane}}}"response":{"id":"{{{id}}}","model":"gpt-5.1","status":"in_progress"}}""",
            $$$"""{"type":"response.output_item.added",{{{inLane}}}"output_index":0,"item":{{{item ?? "null"}}}}""",
            $$$"""{"type":"response.output_item.done",{{{inLane}}}"output_index":0,"item":{{{item ?? "null"}}}}""",
            $$$"""{"type":"response.completed",{{{inLane}}}"response":{"id":"{{{id}}}","model":"gpt-5.1","status":"completed","output":[{{{item}}}],"usage":{"input_tokens":10,"output_tokens":2 } } }""",
        ];
    }

    /// <summary>Answers a prewarm, a call and what follows it; gives what arrives.</summary>
    private static ConcurrentQueue<string> AnswerSockets(RunningProxy proxy)
    {
        var received = new ConcurrentQueue<string>();
        proxy.Upstream.Answer = async (context, _) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            while (await ReadAsync(socket) is { Length: > 0 } text)
            {
                var id = $"resp_{received.Count}";
                received.Enqueue(text);
                var item = text.Contains("\"generate\":false", StringComparison.Ordinal) ? null : text.Contains("call_output", StringComparison.Ordinal) ? Message : Call(id);
                foreach (var part in Reply(id, item))
                {
                    await SendAsync(socket, part);
                }
            }

            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", CancellationToken.None);
        };
        return received;
    }

    private static Task<ClientWebSocket> ConnectAsync(RunningProxy proxy, string path = "/openai/v1/responses") => ConnectAsync(proxy.Address.Port, path);

    private static async Task<ClientWebSocket> ConnectAsync(int port, string path = "/openai/v1/responses")
    {
        var client = new ClientWebSocket();
        client.Options.Proxy = null;
        client.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        client.Options.SetRequestHeader("User-Agent", "codex_exec/0.171.0");
        client.Options.SetRequestHeader("originator", "codex_exec");
        client.Options.SetRequestHeader("session-id", "s1");
        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{port}{path}"), CancellationToken.None);
        return client;
    }

    private static Task SendAsync(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    private static async Task<List<string>> ReadReplyAsync(WebSocket socket)
    {
        var events = new List<string>();
        do
        {
            events.Add(await ReadAsync(socket));
        }
        while (!events[^1].StartsWith("{\"type\":\"response.completed\"", StringComparison.Ordinal));
        return events;
    }

    /// <summary>The next message: a text, bytes in Base64, or empty for the end.</summary>
    private static async Task<string> ReadAsync(WebSocket socket)
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        ValueWebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            message.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return part.MessageType switch
        {
            WebSocketMessageType.Close => "",
            WebSocketMessageType.Binary => Convert.ToBase64String(message.ToArray()),
            _ => Encoding.UTF8.GetString(message.ToArray()),
        };
    }

    private static async Task<IReadOnlyList<Trajectory>> RunsAsync(RunningProxy proxy)
    {
        await proxy.SettleAsync();
        return (await proxy.Store.ListAsync(new TrajectoryQuery("default") { Limit = 10 }, CancellationToken.None)).Items;
    }

    private static async Task<JsonObject> NotRecordedAsync(RunningProxy proxy) =>
        (JsonObject)JsonNode.Parse(await proxy.Client.GetStringAsync(new Uri(proxy.Address, "/_llmproxy/status")))!["recording"]!["notRecorded"]!;
}
