using System.Collections.Concurrent;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Tests.Retrieval;

/// <summary>An endpoint that speaks OpenAI's embeddings: a text's vector points to its length.</summary>
internal sealed class EmbeddingServer : IDisposable
{
    private readonly HttpListener _listener = new();

    public EmbeddingServer()
    {
        using (var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Endpoint = new Uri($"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/v1");
        }

        _listener.Prefixes.Add(Endpoint.GetLeftPart(UriPartial.Authority) + "/");
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public Uri Endpoint { get; }

    public ConcurrentQueue<(string Path, string Authorization, string Body)> Requests { get; } = new();

    public ConcurrentQueue<int> Failures { get; } = new();

    public int? Length { get; set; }

    /// <summary>A request with a text that holds this is answered 400.</summary>
    public string? Refused { get; set; }

    public void Dispose() => _listener.Close();

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var reader = new StreamReader(context.Request.InputStream);
            var body = await reader.ReadToEndAsync();
            Requests.Enqueue((context.Request.Url!.AbsolutePath, context.Request.Headers["Authorization"] ?? "", body));
            if (!Failures.TryDequeue(out var status) && Refused is { } word && body.Contains(word, StringComparison.Ordinal))
            {
                status = 400;
            }

            var answer = Encoding.UTF8.GetBytes(status != 0 ? "{}" : Answer(body));
            context.Response.StatusCode = status == 0 ? 200 : status;
            context.Response.ContentType = "application/json";
            await context.Response.OutputStream.WriteAsync(answer);
            context.Response.Close();
        }
    }

    private string Answer(string body)
    {
        using var request = JsonDocument.Parse(body);
        var root = request.RootElement;
        var model = root.GetProperty("model").GetString()!;
        var length = Length ?? (root.TryGetProperty("dimensions", out var d) ? d.GetInt32() : model.StartsWith("text", StringComparison.Ordinal) ? 1536 : model.StartsWith("nomic", StringComparison.Ordinal) ? 768 : 8);
        var asText = root.TryGetProperty("encoding_format", out var format) && format.ValueEquals("base64");

        // Last first: the index decides, not the order.
        var data = root.GetProperty("input").EnumerateArray().Select((text, i) =>
        {
            var vector = new float[length];
            vector[text.GetString()!.Length % length] = 2;
            var values = asText
                ? "\"" + Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())) + "\""
                : "[" + string.Join(',', vector) + "]";
            return $$"""{"object":"embedding","index":{{i}},"embedding":{{values}}}""";
        }).Reverse();
        return $$$"""{"object":"list","model":"{{{model}}}","data":[{{{string.Join(',', data)}}}],"usage":{"prompt_tokens":3,"total_tokens":3}}""";
    }
}
