using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using LlmProxy.Benchmarks.Record;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Benchmarks.Storage;

/// <summary>What <c>storage</c> measures.</summary>
internal sealed record StorageRunOptions
{
    /// <summary>Folder with recorded conversations; without it that part is left out.</summary>
    public string Data { get; init; } = Path.Combine("..", "shared", "data");

    public static StorageRunOptions Parse(string[] arguments)
    {
        var options = new StorageRunOptions();
        var reader = new ArgumentReader(arguments);
        while (reader.TryNext(out var name))
        {
            options = name == "--data" ? options with { Data = reader.Value(name) } : throw new UsageException($"There is no option {name}.");
        }

        return options;
    }
}

/// <summary>How large recorded runs are in the store, and what their compression costs.</summary>
internal static class StorageScenario
{
    private const double Budget = 0.5;
    private const int Times = 30;
    private const int ShortPiece = 2048;

    // As the store does it.
    private const int WindowBits = 18;

    public static async Task<int> RunAsync(StorageRunOptions options, CancellationToken cancellationToken)
    {
        var table = new Table("Recorded", "runs", "calls", "final history KB", "whole requests KB", "store KB", "of it content KB", "store / history", "store / requests");
        var contents = new List<byte[]>();

        // 1. The run of the budget.
        var ratio = await MeasureAsync($"{Times} steps that end with 400 KB", [MadeUp()]);

        // 2. Real conversations.
        var recorded = Directory.Exists(options.Data) ? ClaudeConversation.Read(options.Data, "sierra-research/tau-bench").ToList() : [];
        if (recorded.Count > 0)
        {
            await MeasureAsync("tau-bench conversations", recorded);
        }
        else
        {
            Console.WriteLine($"No recorded conversations in {Path.GetFullPath(options.Data)}: name their folder with --data.");
        }

        // 3. A screenshot that stays in the history, and one that is taken again in every step and shows the same.
        var image = await MeasureAsync("an image of 300 KB, sent 30 times", [WithImage()], keep: false);
        await MeasureAsync("the same image in 30 messages", [WithImageInEachResult()], keep: false);
        Console.Write(table);
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The budget is {Budget} times the final history: {(ratio <= Budget ? "kept" : "missed")} ({ratio:0.000}). The image is stored {image * Times:0.00} times for {Times} sendings as base64."));
        Console.WriteLine();
        Console.Write(Levels(contents));
        return ratio <= Budget ? 0 : 1;

        async Task<double> MeasureAsync(string name, IReadOnlyList<ClaudeConversation> runs, bool keep = true)
        {
            await using var bench = await RecorderBench.OpenAsync();
            var empty = (await bench.Store.ReadStorageUseAsync("default", cancellationToken)).Bytes;
            for (var run = 0; run < runs.Count; run++)
            {
                for (var step = 0; step < runs[run].Calls.Count; step++)
                {
                    bench.Add(run.ToString(CultureInfo.InvariantCulture), step + 1, runs[run].Calls[step].Body, runs[run].Calls[step].Answer);
                }

                await bench.SettleAsync(cancellationToken);
            }

            var storage = await bench.Store.ReadStorageUseAsync("default", cancellationToken);
            var stored = storage.Bytes - empty;
            var (history, requests) = (runs.Sum(r => r.FinalHistory), runs.Sum(r => r.WholeRequests));
            table.Add(
                name,
                Number(runs.Count),
                Number(runs.Sum(r => r.Calls.Count)),
                Number(history / 1024),
                Number(requests / 1024),
                Number(stored / 1024),
                Number(storage.ContentBytes / 1024),
                ((double)stored / history).Show(3),
                ((double)stored / requests).Show(4));
            if (keep)
            {
                contents.AddRange(await ReadContentAsync(bench.Store, cancellationToken));
            }

            return keep ? (double)stored / history : (double)stored / requests;
        }
    }

    private static ClaudeConversation MadeUp()
    {
        // The last body is 1.7 times the mean one; see the template's own numbers.
        var template = new AgentRunTemplate(AgentWire.All[0], 400 * 1024 * 10 / 17, stream: false, Times);
        return new ClaudeConversation([.. Enumerable.Range(1, template.Steps).Select(step =>
        {
            var text = new MarkedText(template.Wire.Reply(step, step == template.Steps));
            var answer = new byte[text.Bytes.Length];
            text.CopyTo(answer, 1);
            return (template.Body(1, step), answer);
        })]);
    }

    private static ClaudeConversation WithImage() =>
        Clicks($$"""[{{Image()}},{"type":"text","text":"Click through it."}]""", step => $"\"Clicked at {step}.\"");

    private static ClaudeConversation WithImageInEachResult()
    {
        var image = Image();
        return Clicks("\"Click through it.\"", step => $$"""[{"type":"text","text":"Clicked at {{step}}."},{{image}}]""");
    }

    private static string Image()
    {
        var pixels = new byte[300 * 1024];
        new Random(1).NextBytes(pixels);
        return $$$"""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{Convert.ToBase64String(pixels)}}}"}}""";
    }

    private static ClaudeConversation Clicks(string task, Func<int, string> result)
    {
        var history = new StringBuilder($$"""{"model":"claude-sonnet-4-5","max_tokens":100,"messages":[{"role":"user","content":{{task}}}""");
        var calls = new List<(byte[] Body, byte[] Answer)>();
        for (var step = 1; step <= Times; step++)
        {
            var blocks = $$$"""[{"type":"tool_use","id":"toolu_{{{step}}}","name":"click","input":{"x":{{{step}}}}}]""";
            calls.Add((
                Encoding.UTF8.GetBytes(history + "]}"),
                Encoding.UTF8.GetBytes($$$"""{"id":"msg_{{{step}}}","type":"message","role":"assistant","model":"m","content":{{{blocks}}},"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}""")));
            history.Append($$$""",{"role":"assistant","content":{{{blocks}}}},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_{{{step}}}","content":{{{result(step)}}}}]}""");
        }

        return new ClaudeConversation(calls);
    }

    private static async Task<List<byte[]>> ReadContentAsync(ITrajectoryStore store, CancellationToken cancellationToken)
    {
        var contents = new Dictionary<ContentHash, byte[]>();
        TrajectoryPage page = new([], null);
        do
        {
            page = await store.ListAsync(new TrajectoryQuery("default") { Limit = 500, Cursor = page.NextCursor }, cancellationToken);
            foreach (var run in page.Items)
            {
                var hashes = (await store.ReadStepsAsync(run.Id, cancellationToken))
                    .SelectMany(s => s.Messages.Select(m => (ContentHash?)m.Content).Append(s.Reply).Append(s.SystemPrompt).Append(s.Tools))
                    .OfType<ContentHash>().Distinct().Where(h => !contents.ContainsKey(h)).ToList();
                foreach (var (hash, bytes) in await store.ReadContentAsync(hashes, cancellationToken))
                {
                    contents[hash] = bytes.ToArray();
                }
            }
        }
        while (page.NextCursor is not null);
        return [.. contents.Values];
    }

    /// <summary>What each level of Brotli costs and saves on the content that was stored, long pieces and short ones.</summary>
    private static Table Levels(List<byte[]> contents)
    {
        var (shortOnes, longOnes) = (contents.Where(c => c.Length is >= 100 and < ShortPiece).ToList(), contents.Where(c => c.Length >= ShortPiece).ToList());
        var table = new Table(
            "Brotli",
            $"{longOnes.Count} long, µs / KB",
            "size / original",
            $"{shortOnes.Count} under {ShortPiece / 1024} KB, µs / KB",
            "size / original");
        var buffer = new byte[contents.Max(c => c.Length) * 2];
        foreach (var level in (int[])[1, 2, 3, 4, 5, 6, 9])
        {
            var (longCost, longSize) = Measure(longOnes, level);
            var (shortCost, shortSize) = Measure(shortOnes, level);
            table.Add($"level {level}", longCost.Show(1), longSize.Show(3), shortCost.Show(1), shortSize.Show(3));
        }

        return table;

        (double MicrosecondsOfKilobyte, double Size) Measure(List<byte[]> pieces, int level)
        {
            Compress(pieces, level);
            var best = double.MaxValue;
            var written = 0L;
            for (var round = 0; round < 3; round++)
            {
                var started = Stopwatch.GetTimestamp();
                written = Compress(pieces, level);
                best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMicroseconds);
            }

            var original = pieces.Sum(c => (double)c.Length);
            return (best * 1024 / original, written / original);
        }

        long Compress(List<byte[]> pieces, int level) =>
            pieces.Sum(piece => BrotliEncoder.TryCompress(piece, buffer, out var length, level, WindowBits) ? Math.Min(length, (long)piece.Length) : piece.Length);
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
