using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Wire;

/// <summary>A span as it arrived. Ids are hexadecimal.</summary>
internal sealed record ReceivedSpan(string TraceId, string SpanId, string ParentId, string Name, int Kind, IReadOnlyDictionary<string, object?> Attributes, int Status);

/// <summary>Takes OTLP over HTTP (opentelemetry-proto, <c>collector/trace/v1</c> and <c>collector/metrics/v1</c>) and reads what these tests ask of it.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Path, byte[] Body)> _received = new();

    private OtlpReceiver(WebApplication app)
    {
        _app = app;
    }

    public string Address { get; private set; } = "";

    /// <summary>Everything that came, as text in which any string of it can be found.</summary>
    public string AllText => string.Concat(_received.Select(r => Encoding.UTF8.GetString(r.Body)));

    public IReadOnlyList<ReceivedSpan> Spans =>
    [
        .. _received.Where(r => r.Path == "/v1/traces")
            .SelectMany(r => Fields(r.Body, 1))
            .SelectMany(resource => Fields(resource, 2))
            .SelectMany(scope => Fields(scope, 2))
            .Select(ToSpan),
    ];

    /// <summary>Names of the metrics that came.</summary>
    public IReadOnlySet<string> Metrics => _received.Where(r => r.Path == "/v1/metrics")
        .SelectMany(r => Fields(r.Body, 1))
        .SelectMany(resource => Fields(resource, 2))
        .SelectMany(scope => Fields(scope, 2))
        .Select(metric => Encoding.UTF8.GetString(Fields(metric, 1).Single()))
        .ToHashSet(StringComparer.Ordinal);

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            receiver._received.Enqueue((context.Request.Path.Value!, body.ToArray()));
            context.Response.ContentType = "application/x-protobuf";
        });
        await app.StartAsync();
        receiver.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return receiver;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static ReceivedSpan ToSpan(byte[] span) => new(
        Hex(span, 1),
        Hex(span, 2),
        Hex(span, 4),
        Encoding.UTF8.GetString(Fields(span, 5).Single()),
        (int)Number(span, 6),
        Fields(span, 9).ToDictionary(a => Encoding.UTF8.GetString(Fields(a, 1).Single()), a => ToValue(Fields(a, 2).Single()), StringComparer.Ordinal),
        Fields(span, 15).Select(s => (int)Number(s, 3)).FirstOrDefault());

    private static object? ToValue(byte[] value)
    {
        var (field, number, bytes) = Read(value).Single();
        return field switch
        {
            1 => Encoding.UTF8.GetString(bytes),
            2 => number != 0,
            3 => (long)number,
            4 => BitConverter.UInt64BitsToDouble(number),
            5 => string.Join(',', Fields(bytes, 1).Select(ToValue)),
            _ => null,
        };
    }

    private static string Hex(byte[] message, int field) => Convert.ToHexStringLower(Fields(message, field).FirstOrDefault() ?? []);

    private static ulong Number(byte[] message, int field) => Read(message).FirstOrDefault(f => f.Field == field).Number;

    private static IEnumerable<byte[]> Fields(byte[] message, int field) => Read(message).Where(f => f.Field == field).Select(f => f.Bytes);

    /// <summary>The wire format of protocol buffers: fields one after the other.</summary>
    private static IEnumerable<(int Field, ulong Number, byte[] Bytes)> Read(byte[] message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var tag = Varint();
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    yield return (field, Varint(), []);
                    break;
                case 1:
                    yield return (field, BitConverter.ToUInt64(message, at), []);
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint();
                    yield return (field, 0, message[at..(at + length)]);
                    at += length;
                    break;
                default:
                    yield return (field, BitConverter.ToUInt32(message, at), []);
                    at += 4;
                    break;
            }
        }

        ulong Varint()
        {
            var (value, shift) = (0UL, 0);
            while (true)
            {
                var b = message[at++];
                value |= (ulong)(b & 0x7F) << shift;
                if (b < 0x80)
                {
                    return value;
                }

                shift += 7;
            }
        }
    }
}
