using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sqlite;

namespace LlmProxy.Benchmarks.Crash;

/// <summary>What came of it.</summary>
/// <param name="Whole">Answers that reached the client whole.</param>
/// <param name="Broken">Calls that the client saw break: refused, or cut off in the middle.</param>
/// <param name="Kills">How often the server was killed.</param>
/// <param name="Missing">Whole answers that are not in the store with all that they said.</param>
/// <param name="Doubled">Answers that are in the store more than once.</param>
/// <param name="Dropped">Calls that the server says it dropped or did not record.</param>
internal sealed record CrashResult(int Whole, int Broken, int Kills, IReadOnlyList<string> Missing, IReadOnlyList<string> Doubled, long Dropped)
{
    /// <summary>Whether nothing was lost.</summary>
    public bool IsGood => Missing.Count == 0 && Doubled.Count == 0 && Dropped == 0;
}

/// <summary>
/// Runs of an agent go through the real server, which is killed at random moments and started again on its folder. Each
/// answer has an id of its own; those that the client has whole are looked for in the store afterwards.
/// </summary>
internal sealed class CrashTrial : IAsyncDisposable
{
    private const int StepsOfRun = 6;
    private const int Connections = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly string _folder = Directory.CreateTempSubdirectory("llmproxy-crash-").FullName;
    private readonly ConcurrentDictionary<string, bool> _whole = new(StringComparer.Ordinal);
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };
    private volatile TaskCompletionSource _isUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _broken;

    /// <summary>Runs it.</summary>
    /// <param name="runs">Runs of six steps; every second one streams.</param>
    /// <param name="kills">How often the server is killed.</param>
    /// <param name="random">Chooses the moments.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<CrashResult> RunAsync(int runs, int kills, Random random, CancellationToken cancellationToken)
    {
        await using var upstream = await CrashUpstream.StartAsync();
        var store = $"Data Source={Path.Combine(_folder, "llmproxy.db")}";
        await using var server = new ServerProcess(_folder,
        [
            $"LlmProxy:Storage:ConnectionString={store}",
            $"LlmProxy:Recording:Spool:Directory={Path.Combine(_folder, "spool")}",
            "LlmProxy:Recording:MinDuration=00:00:00",
            "LlmProxy:Recording:Failures=true",
            "LlmProxy:Embeddings:Provider=lexical",
            $"ReverseProxy:Clusters:anthropic:Destinations:default:Address={upstream.Address}",
        ]);
        await server.StartAsync();
        _isUp.SetResult();

        // 1. Load, and kills after so many answers each.
        var next = -1;
        var clients = Enumerable.Range(0, Connections).Select(_ => Task.Run(
            async () =>
            {
                while (Interlocked.Increment(ref next) is var run && run < runs)
                {
                    await PlayAsync(new Uri(server.Address, "/anthropic/v1/messages"), run, cancellationToken);
                }
            },
            cancellationToken)).ToArray();
        var all = Task.WhenAll(clients);
        var moments = Enumerable.Range(0, kills).Select(_ => random.Next(runs * StepsOfRun * 19 / 20)).Order().ToList();
        foreach (var moment in moments)
        {
            while (_whole.Count < moment && !all.IsCompleted)
            {
                await Task.Delay(1, cancellationToken);
            }

            // Not always when an answer has just gone out.
            await Task.Delay(random.Next(20), cancellationToken);
            _isUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await server.KillAsync();
            await server.StartAsync();
            _isUp.SetResult();
        }

        await all;

        // 2. What is in the spool comes into the store.
        var status = await SettleAsync(server, cancellationToken);
        var dropped = status.GetProperty("spool").GetProperty("dropped").GetInt64() + status.GetProperty("notRecorded").EnumerateObject().Sum(reason => reason.Value.GetInt64());

        // 3. The server goes the same way once more, and the store is read without it.
        await server.KillAsync();
        var stored = await ReadAsync(store, cancellationToken);
        return new CrashResult(
            _whole.Count,
            _broken,
            kills,
            [.. _whole.Keys.Where(id => !stored.TryGetValue(id, out var texts) || !texts.Exists(text => text.Contains(CrashUpstream.Text(id), StringComparison.Ordinal))).Order(StringComparer.Ordinal)],
            [.. stored.Where(s => s.Value.Count > 1).Select(s => s.Key).Order(StringComparer.Ordinal)],
            dropped);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task PlayAsync(Uri address, int run, CancellationToken cancellationToken)
    {
        var messages = new List<object> { new { role = "user", content = $"Task {run}: look at everything and tell what you see." } };
        for (var step = 1; step <= StepsOfRun; step++)
        {
            var body = JsonSerializer.Serialize(new
            {
                model = "claude-sonnet-4-5",
                max_tokens = 1000,
                stream = run % 2 == 0,
                metadata = new { last = step == StepsOfRun },
                system = "You look at things.",
                tools = new[] { new { name = "look", description = "Looks", input_schema = new { type = "object" } } },
                messages,
            });
            var id = await CallAsync(address, body, cancellationToken);
            messages.Add(new { role = "assistant", content = new object[] { new { type = "text", text = CrashUpstream.Text(id) }, new { type = "tool_use", id = CrashUpstream.Call(id), name = "look", input = new { } } } });
            messages.Add(new { role = "user", content = new object[] { new { type = "tool_result", tool_use_id = CrashUpstream.Call(id), content = $"Run {run} step {step}: " + new string((char)('a' + (step % 26)), 500) } } });
        }
    }

    /// <summary>Calls until an answer has come whole, as agents do.</summary>
    private async Task<string> CallAsync(Uri address, string body, CancellationToken cancellationToken)
    {
        while (true)
        {
            await _isUp.Task.WaitAsync(Patience, cancellationToken);
            try
            {
                using var content = new StringContent(body, Encoding.UTF8, "application/json");
                using var answer = await _client.PostAsync(address, content, cancellationToken);
                var text = await answer.Content.ReadAsStringAsync(cancellationToken);
                if (answer.IsSuccessStatusCode && CrashUpstream.FindId(text) is { } id && (text[0] == '{' || text.Contains("event: message_stop", StringComparison.Ordinal)))
                {
                    _whole[id] = true;
                    return id;
                }
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                // The server was killed; that is what this is about.
            }

            Interlocked.Increment(ref _broken);
            await Task.Delay(10, cancellationToken);
        }
    }

    internal static async Task<JsonElement> SettleAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(Patience);
        while (true)
        {
            var recording = (await server.StatusAsync()).GetProperty("recording");
            if (recording.GetProperty("spool").GetProperty("pending").GetInt64() == 0)
            {
                return recording;
            }

            await Task.Delay(20, late.Token);
        }
    }

    /// <summary>The replies of all steps by the answer's id.</summary>
    private static async Task<Dictionary<string, List<string>>> ReadAsync(string connection, CancellationToken cancellationToken)
    {
        await using var store = new SqliteTrajectoryStore(connection, TimeProvider.System);
        var replies = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        TrajectoryPage page = new([], null);
        do
        {
            page = await store.ListAsync(new TrajectoryQuery("default") { Limit = 500, Cursor = page.NextCursor }, cancellationToken);
            foreach (var run in page.Items)
            {
                foreach (var step in await store.ReadStepsAsync(run.Id, cancellationToken))
                {
                    if (step.ResponseId is { } id)
                    {
                        var text = step.Reply is { } hash && (await store.ReadContentAsync([hash], cancellationToken)).TryGetValue(hash, out var bytes) ? Encoding.UTF8.GetString(bytes.Span) : "";
                        replies.TryAdd(id, []);
                        replies[id].Add(text);
                    }
                }
            }
        }
        while (page.NextCursor is not null);
        return replies;
    }
}
