using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Benchmarks.Crash;

/// <summary>The program itself in a process of its own, on one folder and one port; it can be killed and started again.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly string[] _settings;
    private readonly HttpClient _client;
    private readonly ConcurrentQueue<string> _lines = new();
    private Process? _process;

    /// <summary>A server that is not started yet.</summary>
    /// <param name="folder">Its working directory, where store and spool lie.</param>
    /// <param name="settings">Settings as <c>Key=value</c>.</param>
    public ServerProcess(string folder, IEnumerable<string> settings)
    {
        _folder = folder;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
        _settings = [.. settings];
        _client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
    }

    public Uri Address { get; }

    /// <summary>Everything it has written.</summary>
    public IReadOnlyCollection<string> Lines => _lines;

    /// <summary>Starts it and waits until it is ready.</summary>
    public async Task StartAsync()
    {
        var dotnet = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
        var program = Path.Combine(AppContext.BaseDirectory, "llmproxy");
        var start = new ProcessStartInfo(dotnet)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        foreach (var argument in (string[])["exec", "--runtimeconfig", program + ".runtimeconfig.json", "--depsfile", program + ".deps.json", program + ".dll", "serve", "--urls", Address.ToString(), .. _settings.Select(s => "--" + s)])
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        var started = Stopwatch.GetTimestamp();
        while (!await IsReadyAsync())
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new InvalidOperationException("The server does not start. It wrote:\n" + string.Join('\n', _lines));
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Ends it as a power cut ends a process: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Its status.</summary>
    public async Task<JsonElement> StatusAsync()
    {
        await using var answer = await _client.GetStreamAsync("/_llmproxy/status");
        return (await JsonDocument.ParseAsync(answer)).RootElement;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync();
        }

        _client.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not null)
        {
            _lines.Enqueue(line.Data);
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var answer = await _client.GetAsync("/readyz?strict");
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }
}
