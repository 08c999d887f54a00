using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace LlmProxy.Tests.Wire;

/// <summary>A real exchange that a public project recorded, from <c>../shared/data</c>. Exact: its bytes are those of the wire, in both directions.</summary>
internal sealed record RecordedExchange(
    string Id,
    string Cassette,
    int Sequence,
    bool IsMultiStep,
    bool ExtendsEarlier,
    bool IsExact,
    string Route,
    string Method,
    string Path,
    byte[] Request,
    int Status,
    string? ContentType,
    byte[] Response)
{
    private static readonly string[] Files =
    [
        "exchanges-anthropic-01.jsonl.gz", "exchanges-anthropic-02.jsonl.gz", "exchanges-openai-chat-01.jsonl.gz", "exchanges-openai-chat-02.jsonl.gz",
        "exchanges-openai-responses.jsonl.gz", "exchanges-gemini.jsonl.gz", "exchanges-compatible-01.jsonl.gz", "exchanges-compatible-02.jsonl.gz",
        "exchanges-compatible-03.jsonl.gz", "exchanges-other.jsonl.gz",
    ];

    /// <summary>All of them.</summary>
    public static IEnumerable<RecordedExchange> ReadAll() => Files.SelectMany(Read);

    /// <summary>The address as the test's own client writes it: it escapes what some recordings hold unescaped.</summary>
    public Uri TargetIn(Uri address) => new(address, Route + Path);

    /// <summary>The request, to be sent to a proxy.</summary>
    public HttpRequestMessage ToRequest(Uri proxy)
    {
        var request = new HttpRequestMessage(new HttpMethod(Method), TargetIn(proxy));
        if (Request.Length > 0)
        {
            request.Content = new ByteArrayContent(Request);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        request.Headers.Add("x-exchange", Id);
        return request;
    }

    /// <summary>Gives the recorded answer, in pieces of all sizes, so that no reader depends on where they are cut.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        context.Response.StatusCode = Status;
        context.Response.ContentType = ContentType;
        var random = new Random(Id.Aggregate(Response.Length, (seed, c) => unchecked((seed * 31) + c)));
        for (var sent = 0; sent < Response.Length;)
        {
            // Torn in the middle of a character or an event now and then, in large pieces at other times.
            var piece = Math.Min(Response.Length - sent, random.Next(4) == 0 ? random.Next(1, 12) : random.Next(1, 6_000));
            await context.Response.Body.WriteAsync(Response.AsMemory(sent, piece));
            await context.Response.Body.FlushAsync();
            sent += piece;
        }
    }

    private static IEnumerable<RecordedExchange> Read(string file)
    {
        foreach (var document in SharedData.ReadJsonLines(file))
        {
            using (document)
            {
                var line = document.RootElement;
                var body = line.TryGetProperty("request_body", out var request) ? request : default;
                yield return new RecordedExchange(
                    line.GetProperty("id").GetString()!,
                    line.GetProperty("cassette").GetString()!,
                    line.GetProperty("seq").GetInt32(),
                    line.TryGetProperty("multi_step", out var steps) && steps.ValueKind == JsonValueKind.True,
                    line.GetProperty("features").EnumerateArray().Any(f => f.GetString() == "extends_earlier_request"),
                    line.GetProperty("request_exact").GetBoolean() && line.GetProperty("response_exact").GetBoolean(),
                    RouteOf(line.GetProperty("api").GetString()!, line.GetProperty("provider").GetString()!),
                    line.GetProperty("method").GetString()!,
                    line.GetProperty("path").GetString()!,
                    body.ValueKind switch
                    {
                        JsonValueKind.Undefined or JsonValueKind.Null => [],
                        JsonValueKind.String => Encoding.UTF8.GetBytes(body.GetString()!),
                        _ => Encoding.UTF8.GetBytes(body.GetRawText()),
                    },
                    line.GetProperty("status").GetInt32(),
                    line.GetProperty("response_headers").TryGetProperty("content-type", out var type) ? type.GetString() : null,
                    Encoding.UTF8.GetBytes(line.GetProperty("response_body").GetString() ?? ""));
            }
        }
    }

    private static string RouteOf(string api, string provider) =>
        provider.Contains("compatible", StringComparison.Ordinal) ? "/proxy"
        : api == "anthropic-messages" || provider == "anthropic" ? "/anthropic"
        : api == "gemini" || provider == "gemini" ? "/gemini"
        : "/openai";
}
