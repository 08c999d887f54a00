using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace LlmProxy.Tests.Storage;

/// <summary>
/// A PostgreSQL server for one run of tests or benchmarks: its cluster lives in a temporary folder, it listens on a free
/// port of the loopback address alone, and it is stopped and removed at the end.
/// </summary>
public class PostgresCluster
{
    private static readonly Lazy<string?> Missing = new(Probe);
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "llmproxy-postgres-" + Guid.NewGuid().ToString("N"));
    private int _databases;
    private string _options = "";
    private bool _isRunning;

    /// <summary>Why there is no server to test with, or null.</summary>
    public static string? WhyNot => Missing.Value;

    public string ConnectionString { get; private set; } = "";

    private static string? Binaries { get; } = FindBinaries();

    public async Task InitializeAsync()
    {
        if (WhyNot is not null)
        {
            return;
        }

        await MakeFolderAsync();
        await RunAsServerUserAsync("initdb", "-D", Data, "-U", "llmproxy", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
        await StartFirstAsync();
    }

    /// <summary>
    /// A second server that follows this one by streaming replication. Commits wait for it from here on: a server that dies
    /// takes nothing along that it has acknowledged.
    /// </summary>
    public async Task<PostgresCluster> AddReplicaAsync()
    {
        var replica = new PostgresCluster();
        await replica.MakeFolderAsync();
        await RunAsServerUserAsync("pg_basebackup", "-D", replica.Data, "-d", string.Create(CultureInfo.InvariantCulture, $"host=127.0.0.1 port={Port} user=llmproxy application_name=replica"), "-R", "-X", "stream", "-c", "fast", "--no-sync");
        await replica.StartFirstAsync();
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        foreach (var statement in (string[])["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"])
        {
#pragma warning disable CA2100 // Constants.
            await using var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }

        return replica;
    }

    /// <summary>Makes a replica the primary, and waits until it is.</summary>
    public Task PromoteAsync() => RunAsServerUserAsync("pg_ctl", "-D", Data, "-w", "-t", "60", "promote");

    public int Port { get; private set; }

    private string Data => Path.Combine(_folder, "data");

    private async Task MakeFolderAsync()
    {
        Directory.CreateDirectory(_folder);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", [ServerUser, _folder]);
        }
    }

    private async Task StartFirstAsync()
    {
        Port = FreePort();
        // Nothing here outlives the test run, so nothing is forced to the disk.
        _options = string.Create(CultureInfo.InvariantCulture, $"-p {Port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{_folder}' -c fsync=off -c full_page_writes=off -c max_connections=200");
        await StartAsync();
        ConnectionString = string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=llmproxy;Database=postgres");
    }

    public async Task DisposeAsync()
    {
        if (_isRunning)
        {
            NpgsqlConnection.ClearAllPools();
            await StopAsync();
        }

        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    /// <summary>Ends the server as a crash does, in the middle of whatever it does. The test starts it again.</summary>
    public async Task StopAsync()
    {
        // pg_ctl reads the server's own pid from the cluster's folder, and ends that one.
        await RunAsServerUserAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");
        _isRunning = false;
    }

    /// <summary>Starts the server, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        await RunAsServerUserAsync("pg_ctl", "-D", Data, "-o", _options, "-l", Path.Combine(_folder, "log"), "-w", "-t", "60", "start");
        _isRunning = true;
    }

    /// <summary>A new, empty database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}");
        // Not from the pool: a connection of before a stop is broken.
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // The name is a number of this class.
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(ConnectionString) { Database = name }.ConnectionString;
    }

    // The server refuses to run as root; the package's own user is there where the package is.
    private static string ServerUser { get; } = File.Exists("/etc/passwd") && File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    private static string? Probe()
    {
        if (Binaries is null)
        {
            return "PostgreSQL is not installed; scripts/install-postgres.sh installs it with pgvector";
        }

        var share = Run(Path.Combine(Binaries, "pg_config"), "--sharedir") ?? "";
        var controls = new[] { Path.Combine(share, "extension", "vector.control"), $"/usr/share/postgresql/{Path.GetFileName(Path.GetDirectoryName(Binaries))}/extension/vector.control" };
        return controls.Any(File.Exists) ? null : "pgvector is not installed; scripts/install-postgres.sh installs it";
    }

    private static string? FindBinaries()
    {
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => int.TryParse(Path.GetFileName(d), NumberStyles.None, CultureInfo.InvariantCulture, out var v) ? v : 0).Select(d => Path.Combine(d, "bin"))
            : [];
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(d => File.Exists(Path.Combine(d, "initdb")) && File.Exists(Path.Combine(d, "pg_ctl")))
            .Select(d => Path.GetDirectoryName(File.ResolveLinkTarget(Path.Combine(d, "pg_ctl"), returnFinalTarget: true)?.FullName) ?? d)
            .Concat(installed)
            .FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static Task RunAsServerUserAsync(string tool, params string[] arguments)
    {
        var path = Path.Combine(Binaries!, tool);
        return Environment.IsPrivilegedProcess ? RunAsync("runuser", ["-u", ServerUser, "--", path, .. arguments]) : RunAsync(path, arguments);
    }

    private static async Task RunAsync(string file, string[] arguments)
    {
        // The server inherits what its starter has open; a redirected output would stay open as long as the server runs.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "out=$(mktemp); \"$@\" >\"$out\" 2>&1 </dev/null; code=$?; [ $code = 0 ] || cat \"$out\"; rm -f \"$out\"; exit $code", "sh", file, .. arguments])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            WorkingDirectory = "/",
        })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
        }
    }

    private static string? Run(string file, string argument)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        using var process = Process.Start(new ProcessStartInfo(file, [argument]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return output;
    }
}
