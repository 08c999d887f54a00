using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Threading.Channels;

namespace LlmProxy.Benchmarks.Children;

/// <summary>This program, started once more as something else. Disposing ends it by its process id, whatever happened.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly Channel<ChildStatus> _statuses = Channel.CreateUnbounded<ChildStatus>();
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly string _name;

    private ChildProcess(string name, Process process)
    {
        _name = name;
        _process = process;
    }

    public Uri Address { get; private set; } = null!;

    public bool ServerGc { get; private set; }

    /// <summary>Starts a child and waits until it listens.</summary>
    /// <param name="folder">Its working directory; what it leaves there is the caller's to remove.</param>
    /// <param name="asProxy">Run with the runtime settings that the proxy is shipped with, such as its kind of garbage collection.</param>
    /// <param name="arguments">Who it is.</param>
    public static async Task<ChildProcess> StartAsync(string folder, bool asProxy, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        var program = Path.Combine(AppContext.BaseDirectory, typeof(ChildProcess).Assembly.GetName().Name!);
        string[] exec = ["exec", "--runtimeconfig", asProxy ? Path.Combine(AppContext.BaseDirectory, "llmproxy.runtimeconfig.json") : program + ".runtimeconfig.json", "--depsfile", program + ".deps.json", program + ".dll", "child"];
        foreach (var argument in exec.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        // Settings of whoever starts the measurement are not what is measured.
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToList())
        {
            start.Environment.Remove(name);
        }

        var child = new ChildProcess(arguments[0], Process.Start(start)!);
        _ = child.ReadAsync(child._process.StandardOutput);
        _ = child.ReadAsync(child._process.StandardError);
        try
        {
            var status = await child.NextAsync();
            child.Address = new Uri(status.Url);
            child.ServerGc = status.ServerGc;
            return child;
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    public async Task<ChildStatus> StatusAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await _process.StandardInput.FlushAsync();
        return await NextAsync();
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }
        catch (Exception error) when (error is TimeoutException or IOException or InvalidOperationException)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private static bool IsSetting(string name) =>
        name.StartsWith("LlmProxy", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ReverseProxy", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("BYTEBOT", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ASPNETCORE", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("OPENAI", StringComparison.OrdinalIgnoreCase);

    private async Task<ChildStatus> NextAsync()
    {
        using var late = new CancellationTokenSource(Patience);
        try
        {
            return await _statuses.Reader.ReadAsync(late.Token);
        }
        catch (Exception error) when (error is OperationCanceledException or ChannelClosedException)
        {
            throw new InvalidOperationException($"The child '{_name}' does not answer. Its last lines:\n{string.Join('\n', _lines)}", error);
        }
    }

    private async Task ReadAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(ControlLoop.Prefix, StringComparison.Ordinal))
            {
                _statuses.Writer.TryWrite(JsonSerializer.Deserialize<ChildStatus>(line.AsSpan(ControlLoop.Prefix.Length))!);
                continue;
            }

            _lines.Enqueue(line);
            if (_lines.Count > KeptLines)
            {
                _lines.TryDequeue(out _);
            }
        }

        if (reader == _process.StandardOutput)
        {
            _statuses.Writer.TryComplete();
        }
    }
}
