using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Api;

/// <summary>Requests made up from the API's own description: a refusal is a problem document, and nothing is an error of the server.</summary>
public sealed class ApiFuzzTests(ITestOutputHelper output)
{
    private const int Seed = 20_260_401;

    // Many times what the slowest of them needs.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly string[] HostileTexts =
    [
        "", " ", "last", "session:", "session:last", ".", "..", "../../etc/passwd", "a/b", "%00", "%2e%2e", "%", "x' OR '1'='1", "\"; DROP TABLE tasks; --", "{{ 1 }}", "<script>alert(1)</script>",
        "\u202E\u0007\u001b[31m", "\uFEFF", "e\u0301", "\U0001F600", "NaN", "Infinity", "-1", "0", "1", "1e308", "9223372036854775808", "-0.0", "0x10", "٣", "true", "null", "[]", "{}",
        "0001-01-01", "9999-12-31T23:59:59Z", "9999999d", "-7d", "1d", "24:00:00", "eyJhIjoxfQ==", "*", "a* NEAR b", "\"unclosed", "(", "AND", "gpt-*", "failed", "anthropic",
        new('x', 300), new('9', 400), new('a', 5_000),
    ];

    private static readonly string[] HostileJson =
    [
        "null", "true", "0", "-1", "1.5", "1e999", "123456789012345678901234567890", "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00x\"", "[]", "[null]", "[[[]]]", "[1,\"a\",null]", "{}",
        "{\"\\ud800\":1}", "{\"a\":{\"a\":{\"a\":1}}}", "\"last\"", "\"../..\"", "\"NaN\"", "\"7d\"", "\"9999-12-31T23:59:59.9999999Z\"", "\"0001-01-01T00:00:00+14:00\"", "2147483648", "-9223372036854775809",
    ];

    [Fact]
    public async Task Any_request_gets_an_answer_or_a_problem_document_and_never_an_error_of_the_server()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var task = await ApiTestRuns.PlayToTheEndAsync(proxy);
        var run = (await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]![0]!["id"]!.GetValue<string>();
        var description = (await proxy.GetJsonAsync("/_llmproxy/openapi.json")).AsObject();
        var operations = description["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Where(o => o.Key is "get" or "post" or "put" or "delete" or "patch").Select(o => (Path: path.Key, Method: o.Key, Operation: o.Value!.AsObject())))
            .ToList();
        Assert.InRange(operations.Count, 20, 200);
        var maker = new Maker(description, run, task);
        var statuses = new SortedDictionary<int, int>();
        for (var tried = 0; tried < Fuzz.Tries(40) * operations.Count; tried++)
        {
            var (path, method, operation) = operations[tried % operations.Count];
            using var request = maker.Make(proxy.Address, path, method, operation);
            var shown = $"{tried}: {request.Method} {request.RequestUri!.OriginalString} {Fuzz.Show(await (request.Content?.ReadAsByteArrayAsync() ?? Task.FromResult<byte[]>([])))}";

            // A stream of events has no end.
            var isEndless = operation["responses"]?["200"]?["content"]?["text/event-stream"] is not null;
            using var answer = await proxy.Client.SendAsync(request, isEndless ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead).WaitAsync(Patience);
            var body = isEndless && answer.IsSuccessStatusCode ? "" : await answer.Content.ReadAsStringAsync().WaitAsync(Patience);
            var status = (int)answer.StatusCode;
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            Assert.True(status < 500, $"{status} to {shown}: {body}\n{proxy.Log.Text()}");
            if (status >= 400)
            {
                Assert.True(answer.Content.Headers.ContentType?.MediaType == "application/problem+json", $"{status} {answer.Content.Headers.ContentType} to {shown}: {body}");
                var problem = JsonNode.Parse(body)!;
                Assert.Equal(status, (int)problem["status"]!);
                Assert.True(problem["title"]!.GetValue<string>().Length > 0 && problem["detail"]?.GetValue<string>().Length > 0, $"no title or detail to {shown}: {body}");
                Assert.DoesNotContain("   at ", body, StringComparison.Ordinal);
            }
        }

        output.WriteLine($"{operations.Count} operations; {string.Join(", ", statuses.Select(s => $"{s.Value} × {s.Key}"))}");
        Assert.DoesNotContain(proxy.Log.GetSnapshot(), r => r.Level >= LogLevel.Error);
        Assert.Equal(HttpStatusCode.OK, (await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/status"))).StatusCode);
        Assert.True(statuses.ContainsKey(200), "no request was sound");
    }

    /// <summary>Makes requests of an operation: members and parameters that are missing, of the wrong type, hostile, large or deep.</summary>
    private sealed class Maker(JsonObject description, string run, string task)
    {
        private readonly Random _random = new(Seed);
        private readonly JsonMutator _mutator = new(Seed);

        public HttpRequestMessage Make(Uri address, string path, string method, JsonObject operation)
        {
            var query = new StringBuilder();
            foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
            {
                var name = parameter!["name"]!.GetValue<string>();
                if (parameter["in"]!.GetValue<string>() == "path")
                {
                    path = path.Replace("{" + name + "}", Uri.EscapeDataString(PathValue(name)), StringComparison.Ordinal);
                }
                else if (parameter["in"]!.GetValue<string>() == "query" && _random.Next(3) == 0)
                {
                    for (var times = _random.Next(20) == 0 ? 3 : 1; times > 0; times--)
                    {
                        query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(_random.Next(15) == 0 ? "%ff%00%" : Uri.EscapeDataString(Text()));
                    }
                }
            }

            var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), new Uri(address, path + query));
            if (operation["requestBody"] is { } body && _random.Next(10) != 0)
            {
                var schema = body["content"]!.AsObject().First().Value!["schema"];
                request.Content = new ByteArrayContent(Body(schema));
                request.Content.Headers.TryAddWithoutValidation("Content-Type", _random.Next(10) == 0 ? "text/plain; charset=utf-16" : "application/json");
            }

            return request;
        }

        private string PathValue(string name) => _random.Next(2) == 0
            ? name == "taskId" ? task : name == "n" ? "1" : run
            : Text() is { Length: > 0 } text && text.Trim('.').Length > 0 ? text : "x";

        private string Text() => HostileTexts[_random.Next(HostileTexts.Length)];

        private byte[] Body(JsonNode? schema)
        {
            var text = Encoding.UTF8.GetBytes(Value(schema, 0));
            return _random.Next(8) switch
            {
                0 => _mutator.Mutate(text),
                1 => Encoding.UTF8.GetBytes(HostileJson[_random.Next(HostileJson.Length)]),
                2 when _random.Next(10) == 0 => new byte[5 << 20],
                2 when _random.Next(3) == 0 => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":[", 20_000))),
                _ => text,
            };
        }

        /// <summary>A value of a schema, or, one time in five, one of another.</summary>
        private string Value(JsonNode? schema, int depth)
        {
            schema = Resolve(schema);
            if (schema is null || depth > 8 || _random.Next(5) == 0)
            {
                return HostileJson[_random.Next(HostileJson.Length)];
            }

            var type = schema["type"] is JsonArray types ? types[_random.Next(types.Count)]!.GetValue<string>() : (string?)schema["type"];
            return type switch
            {
                "object" or null when schema["properties"] is JsonObject properties =>
                    "{" + string.Join(',', properties.Where(_ => _random.Next(3) != 0).Select(p => $"\"{p.Key}\":{Value(p.Value, depth + 1)}")) + "}",
                "array" => "[" + string.Join(',', Enumerable.Range(0, _random.Next(4)).Select(_ => Value(schema["items"], depth + 1))) + "]",
                "integer" => _random.Next(3) == 0 ? HostileJson[_random.Next(HostileJson.Length)] : _random.Next(-2, 200).ToString(System.Globalization.CultureInfo.InvariantCulture),
                "number" => (_random.NextDouble() * 3).ToString(System.Globalization.CultureInfo.InvariantCulture),
                "boolean" => _random.Next(2) == 0 ? "true" : "false",
                "string" => JsonValue.Create(_random.Next(4) == 0 ? run : _random.Next(4) == 0 ? task : Text()).ToJsonString(),
                _ => HostileJson[_random.Next(HostileJson.Length)],
            };
        }

        private JsonNode? Resolve(JsonNode? schema)
        {
            while (schema?["$ref"]?.GetValue<string>() is { } reference)
            {
                schema = description["components"]!["schemas"]![reference["#/components/schemas/".Length..]];
            }

            return schema is JsonObject && (schema["oneOf"] ?? schema["anyOf"]) is JsonArray choices ? Resolve(choices[_random.Next(choices.Count)]) : schema;
        }
    }
}
