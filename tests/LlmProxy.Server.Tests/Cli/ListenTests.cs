using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LlmProxy.Server.Access;
using LlmProxy.Tests.Access;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.Configuration;

namespace LlmProxy.Tests.Cli;

/// <summary>Without keys nothing but loopback is bound, however the address was configured.</summary>
public sealed class ListenTests
{
    public static TheoryData<string[], string[]> Open() => new()
    {
        { ["--urls", "http://0.0.0.0:0"], [] },
        { ["--urls", "http://*:0"], [] },
        { ["--urls", "http://+:0"], [] },
        { ["--urls", "http://[::]:0"], [] },
        { ["--urls", "http://[::ffff:0.0.0.0]:0"], [] },
        { ["--urls", "http://0:0"], [] },
        { ["--urls", "http://loopback:0"], [] },
        { ["--urls", "http://some-name:0"], [] },
        { ["--urls", "http://foo.localhost:0"], [] },
        { ["--urls", "http://localhost.:0"], [] },
        { ["--urls", "http://127.0.0.1:0;http://0.0.0.0:0"], [] },
        { ["--urls", "http://127.0.0.1:0"], ["Kestrel__Endpoints__Http__Url=http://0.0.0.0:0"] },
        { ["--urls", "http://127.0.0.1:0"], ["KESTREL__ENDPOINTS__A__URL=http://127.0.0.1:0", "kestrel__endpoints__b__url=http://*:0"] },
        { [], ["ASPNETCORE_URLS=http://0.0.0.0:0"] },
        { [], ["URLS=http://0.0.0.0:0"] },
    };

    [Theory]
    [MemberData(nameof(Open))]
    public async Task An_address_that_others_can_reach_is_refused_with_a_message(string[] arguments, string[] environment)
    {
        var (code, output, error) = await RunAsync([.. arguments], environment);

        Assert.Equal(1, code);
        Assert.Contains("Refused to listen on", error, StringComparison.Ordinal);
        Assert.Contains("keys create", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", output + error, StringComparison.Ordinal);
        Assert.DoesNotContain("listens on", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--urls", "http://[::ffff:127.0.0.1]:0")]
    [InlineData("--urls", "http://[::ffff:127.0.0.1]")]
    [InlineData("--urls", "https://127.0.0.1:0")]
    [InlineData("--urls", "http://unix:/")]
    [InlineData("--urls", "http://127.0.0.1:99999")]
    [InlineData("--urls", "ftp://127.0.0.1")]
    [InlineData("--urls", "127.0.0.1:8080")]
    [InlineData("--urls", "http://203.0.113.7:0")]
    [InlineData("--Kestrel:Endpoints:X:Url=nonsense")]
    [InlineData("--ReverseProxy:Routes:x:ClusterId=none")]
    [InlineData("--ReverseProxy:Clusters:openai:LoadBalancingPolicy=none")]
    public async Task An_address_that_cannot_be_used_ends_with_a_message(params string[] arguments)
    {
        string[] environment = [.. arguments.Where(a => a.Contains('=', StringComparison.Ordinal)).Select(a => a[2..].Replace(":", "__", StringComparison.Ordinal).Replace("http__", "http:", StringComparison.Ordinal))];

        var (code, output, error) = await RunAsync([.. arguments.Where(a => !a.Contains('=', StringComparison.Ordinal)), .. environment.Length > 0 ? new[] { "--urls", "http://127.0.0.1:0" } : []], environment);

        Assert.True(code is 1 or 2, $"{code}: {output}{error}");
        Assert.NotEqual("", error);
        Assert.DoesNotContain("Unhandled exception", output + error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_socket_itself_is_refused_if_no_setting_gave_it_away()
    {
        var reported = await Record.ExceptionAsync(async () =>
        {
            await using var proxy = await RunningProxy.StartAsync(null, ("Kestrel:Endpoints:Http:Url", "http://some-name:0"));
        });

        Assert.IsType<ListenRefusedException>(reported);
    }

    [Fact]
    public async Task Tls_endpoints_of_the_section_kestrel_work_with_keys()
    {
        using var folder = new TestFolder();
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        await File.WriteAllBytesAsync(folder["tls.pfx"], certificate.Export(X509ContentType.Pkcs12));
        var own = "llmp-" + "admin";
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [("Kestrel:Endpoints:Https:Url", "https://0.0.0.0:0"), ("Kestrel:Endpoints:Https:Certificate:Path", folder["tls.pfx"]), .. KeyTests.Key(0, "admin", own, "default", admin: true)]);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, SslOptions = { RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == certificate.GetCertHashString() } });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, "/_llmproxy/status"));
        request.Headers.Add("LlmProxy-Key", own);

        using var answer = await client.SendAsync(request);

        Assert.Equal(("https", HttpStatusCode.OK), (proxy.Address.Scheme, answer.StatusCode));
    }

    [Theory]
    [InlineData("http://127.0.0.1:1", true)]
    [InlineData("http://127.9.9.9:1", true)]
    [InlineData("http://localhost:1", true)]
    [InlineData("http://[::1]:1", true)]
    [InlineData("http://unix:/tmp/x.sock", true)]
    [InlineData("http://loopback:1", false)]
    [InlineData("http://127.0.0.1.example:1", false)]
    [InlineData("http://10.0.0.1:1", false)]
    [InlineData("http://", false)]
    public void Addresses_are_read_as_the_server_reads_them(string url, bool isLocal)
    {
        Assert.Equal(isLocal, !new ListenAddresses([url]).NotLoopback().Any());
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Kestrel:Endpoints:x:Url", url)]).Build();
        Assert.Equal([url], ListenAddresses.Of(configuration, ["http://127.0.0.1:2"]).Urls);
    }

    [Theory]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:127.0.0.1", false)]
    [InlineData("::", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("192.168.1.1", true)]
    [InlineData("fe80::1", true)]
    public void The_guard_takes_over_what_others_can_reach(string address, bool isRefused)
    {
        var guard = new ListenGuard();

        Assert.Equal(isRefused, guard.CanBind(new IPEndPoint(IPAddress.Parse(address), 1)));
        Assert.False(guard.CanBind(new UnixDomainSocketEndPoint("/tmp/x.sock")));
        Assert.True(guard.CanBind(new DnsEndPoint("x", 1)));
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] arguments, string[] environment)
    {
        using var folder = new TestFolder();
        using var process = LlmproxyProcess.Start(folder, environment, ["serve", .. arguments, .. folder.Alone[2..]]);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            process.Kill();
        }

        return (process.ExitCode, await output, await error);
    }
}
