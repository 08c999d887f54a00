using System.Diagnostics;
using System.Globalization;

namespace LlmProxy.Tests.Wire;

/// <summary>A test that mounts a file system of its own, which takes the rights to do so.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NeedsMountAttribute : FactAttribute
{
    public NeedsMountAttribute()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            Skip = "mounting a small disk takes root on Linux";
        }
    }
}

/// <summary>A file system in memory with little room, unmounted at the end.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string folder) => Folder = folder;

    public string Folder { get; }

    private string Names => Path.Combine(Folder, "names");

    private string Ballast => Path.Combine(Folder, "ballast");

    public static async Task<SmallDisk> MountAsync(int megabytes, int inodes = 0)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-disk-").FullName;
        await RunAsync("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m,nr_inodes={inodes}"), "tmpfs", folder);
        return new SmallDisk(folder);
    }

    /// <summary>Takes all the room that is left.</summary>
    public void Fill()
    {
        using var file = new FileStream(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // That is what a full disk says.
        }
    }

    /// <summary>Makes files until the file system takes no name more.</summary>
    public void TakeAllNames()
    {
        Directory.CreateDirectory(Names);
        try
        {
            for (var number = 0; ; number++)
            {
                File.Create(Path.Combine(Names, number.ToString(CultureInfo.InvariantCulture))).Dispose();
            }
        }
        catch (IOException)
        {
            // That is what a file system without inodes says.
        }
    }

    /// <summary>Gives the names back.</summary>
    public void FreeNames() => Directory.Delete(Names, recursive: true);

    /// <summary>Lets nothing be written from here on. No file may be open for writing.</summary>
    public Task MakeReadOnlyAsync() => RunAsync("mount", "-o", "remount,ro", Folder);

    /// <summary>Gives the room back.</summary>
    public void Free() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        await RunAsync("umount", "-l", Folder);
        Directory.Delete(Folder);
    }

    private static async Task RunAsync(string file, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{file} {string.Join(' ', arguments)}: {error}");
    }
}
