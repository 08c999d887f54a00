using System.Diagnostics;

namespace LlmProxy.Tests.Replay;

/// <summary>The real WireMock on a free loopback port, with a folder as its root.</summary>
internal sealed class WireMockProcess : IAsyncDisposable
{
    /// <summary>The version that is loaded.</summary>
    public const string Version = "3.13.2";

    private const string Jar = $"wiremock-standalone-{Version}.jar";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly Process _process;
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false });

    private WireMockProcess(Process process)
    {
        _process = process;
    }

    public Uri Address { get; private set; } = new("http://127.0.0.1/");

    /// <summary>Why the tests cannot run, or null.</summary>
    public static string? WhyNot { get; } = FindJava() is null ? "needs Java (scripts/install-wiremock.sh)"
        : !File.Exists(JarPath) ? $"needs {Jar} (scripts/install-wiremock.sh)"
        : null;

    private static string JarPath => Path.Combine(
        Environment.GetEnvironmentVariable("LLMPROXY_TEST_CACHE") ?? Path.Combine(Environment.GetEnvironmentVariable("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "llmproxy-tests"),
        Jar);

    public static async Task<WireMockProcess> StartAsync(string folder)
    {
        var start = new ProcessStartInfo(FindJava()!) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (string[])["-Xmx256m", "-jar", JarPath, "--root-dir", folder, "--bind-address", "127.0.0.1", "--port", "0", "--disable-banner"])
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start)!;
        var server = new WireMockProcess(process);
        try
        {
            await server.WaitAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks its admin API.</summary>
    public Task<string> AdminAsync(string path) => _client.GetStringAsync(new Uri(Address, "__admin/" + path));

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task WaitAsync()
    {
        // Its output names the port once it listens on it.
        var output = _process.StandardOutput;
        _ = _process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Patience);
        var said = new List<string>();
        while (await output.ReadLineAsync(limit.Token) is { } line)
        {
            said.Add(line);
            if (line.StartsWith("port:", StringComparison.Ordinal))
            {
                Address = new Uri("http://127.0.0.1:" + line["port:".Length..].Trim());
                _ = output.ReadToEndAsync();
                await AdminAsync("health");
                return;
            }
        }

        throw new InvalidOperationException("WireMock did not start: " + string.Join('\n', said));
    }

    private static string? FindJava() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "java.exe" : "java"))
        .FirstOrDefault(File.Exists);
}

/// <summary>A test that starts the real WireMock.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class WireMockTheoryAttribute : TheoryAttribute
{
    public WireMockTheoryAttribute()
    {
        Skip = WireMockProcess.WhyNot;
    }
}
