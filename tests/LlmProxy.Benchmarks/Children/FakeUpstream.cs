using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
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
    /// <summary>The status for a request that is not the one that was sent.</summary>
    public const int WrongRequest = 422;

    private static readonly ConcurrentDictionary<(AgentWire Wire, int Step, bool IsLast, bool Stream), MarkedText[]> Answers = new();

    /// <summary>Runs it.</summary>
    /// <param name="checksRequests">Whether each request's body is looked at, too: whole JSON, with the marks of the run that its header names.</param>
    public static async Task<int> RunAsync(bool checksRequests)
    {
        // A watch over the working directory would make each write of the proxy's spool and store wake this process.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        await using var app = builder.Build();
        app.Run(context => AnswerAsync(context, checksRequests));
        return await ControlLoop.RunAsync(app);
    }

    private static async Task AnswerAsync(HttpContext context, bool checksRequests)
    {
        var body = await ReadAsync(context.Request.BodyReader, keep: checksRequests);
        var call = context.Request.Headers["x-bench-call"].ToString().Split(' ');
        var numbers = call.Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var (run, step, isLast, stream, pause) = (numbers[0], (int)numbers[1], numbers[2] == 1, numbers[3] == 1, (int)numbers[4]);
        if (body is not null && !IsWhole(body, run, step))
        {
            context.Response.StatusCode = WrongRequest;
            return;
        }

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

    private static async Task<byte[]?> ReadAsync(System.IO.Pipelines.PipeReader body, bool keep)
    {
        while (true)
        {
            var read = await body.ReadAsync();
            if (!read.IsCompleted)
            {
                body.AdvanceTo(keep ? read.Buffer.Start : read.Buffer.End, read.Buffer.End);
                continue;
            }

            var whole = keep ? read.Buffer.ToArray() : null;
            body.AdvanceTo(read.Buffer.End);
            return whole;
        }
    }

    /// <summary>Whether a body is JSON from end to end and holds the result of each earlier step of this run.</summary>
    private static bool IsWhole(byte[] body, long run, int step)
    {
        Span<byte> mark = stackalloc byte[4 + Marks.Run.Length + 1];
        "run "u8.CopyTo(mark);
        MarkedText.Write(mark.Slice(4, Marks.Run.Length), run);
        mark[^1] = (byte)':';
        try
        {
            var json = new Utf8JsonReader(body);
            while (json.Read())
            {
            }
        }
        catch (JsonException)
        {
            return false;
        }

        return body.AsSpan().Count(mark) >= step - 1;
    }
}
