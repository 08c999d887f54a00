using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using LlmProxy.Benchmarks.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Benchmarks.Children;

/// <summary>
/// Answers calls of every dialect with what a model would say in this step of this run; the call's own number is in the
/// header <c>x-bench-call</c> and comes back in the answer's ids. Each event is flushed by itself and holds its time.
/// </summary>
internal static class FakeUpstream
{
    private static readonly ConcurrentDictionary<(AgentWire Wire, int Step, bool IsLast, bool Stream), MarkedText[]> Answers = new();

    public static async Task<int> RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        await using var app = builder.Build();
        app.Run(AnswerAsync);
        return await ControlLoop.RunAsync(app);
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        await DrainAsync(context.Request.BodyReader);
        var call = context.Request.Headers["x-bench-call"].ToString().Split(' ');
        var numbers = call.Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var (run, step, isLast, stream, pause) = (numbers[0], (int)numbers[1], numbers[2] == 1, numbers[3] == 1, (int)numbers[4]);
        var wire = AgentWire.OfPath(context.Request.Path.Value!);
        var pieces = Answers.GetOrAdd((wire, step, isLast, stream), static key => Prepare(key.Wire, key.Step, key.IsLast, key.Stream));
        var response = context.Response;
        response.ContentType = stream ? "text/event-stream; charset=utf-8" : "application/json";
        response.ContentLength = stream ? null : pieces[0].Bytes.Length;
        for (var i = 0; i < pieces.Length; i++)
        {
            if (i > 0 && pause > 0)
            {
                await Task.Delay(pause);
            }

            var length = pieces[i].Bytes.Length;
            pieces[i].CopyTo(response.BodyWriter.GetSpan(length), run, Stopwatch.GetTimestamp());
            response.BodyWriter.Advance(length);
            await response.BodyWriter.FlushAsync();
        }
    }

    private static MarkedText[] Prepare(AgentWire wire, int step, bool isLast, bool stream) =>
        [.. (stream ? wire.Events(step, isLast) : [wire.Reply(step, isLast)]).Select(text => new MarkedText(text))];

    private static async Task DrainAsync(System.IO.Pipelines.PipeReader body)
    {
        while (true)
        {
            var read = await body.ReadAsync();
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }
}
