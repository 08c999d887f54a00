using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

public sealed class HostGuardTests
{
    [Theory]
    [InlineData("127.0.0.1", 200)]
    [InlineData("localhost", 200)]
    [InlineData("llmproxy.localhost", 200)]
    [InlineData("[::1]", 200)]
    [InlineData("evil.example", 403)]
    [InlineData("127.0.0.1.evil.example", 403)]
    [InlineData("192.168.1.5", 403)]
    public async Task On_loopback_the_api_answers_to_loopbacks_names_alone(string host, int status)
    {
        await using var proxy = await RunningProxy.StartAsync();

        var answer = await proxy.SendRawAsync($"GET /_llmproxy/status HTTP/1.1\r\nHost: {host}:{proxy.Address.Port}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control", answer, StringComparison.OrdinalIgnoreCase);
        if (status == 403)
        {
            Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("recording", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/_LLMPROXY/status")]
    [InlineData("/%5Fllmproxy/status")]
    public async Task Other_spellings_of_the_path_do_not_get_around_it(string path)
    {
        await using var proxy = await RunningProxy.StartAsync();

        var answer = await proxy.SendRawAsync($"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 403 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://evil.example", 403)]
    [InlineData("null", 403)]
    [InlineData("http://127.0.0.1:1", 403)]
    [InlineData("own", 200)]
    public async Task Pages_of_other_origins_change_nothing(string origin, int status)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var own = $"http://127.0.0.1:{proxy.Address.Port}";

        var answer = await proxy.SendRawAsync(
            $"POST /_llmproxy/recording/pause HTTP/1.1\r\nHost: 127.0.0.1:{proxy.Address.Port}\r\nOrigin: {(origin == "own" ? own : origin)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Calls_to_providers_go_on_under_any_name()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith("{}");

        var answer = await proxy.SendRawAsync("GET /openai/v1/models HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
    }
}
