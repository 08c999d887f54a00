namespace LlmProxy.Core.Recording;

/// <summary>Folders and files that hold recorded traffic are for their owner alone.</summary>
public static class PrivateFiles
{
    /// <summary>Mode of files: 0600.</summary>
    public const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Mode of folders: 0700.</summary>
    public const UnixFileMode DirectoryMode = FileMode | UnixFileMode.UserExecute;

    /// <summary>Makes a folder with mode 0700 where it is missing (parents too).</summary>
    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            // The mode of a call holds for the last folder alone.
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } parent && !Directory.Exists(parent))
            {
                CreateDirectory(parent);
            }

            Directory.CreateDirectory(path, DirectoryMode);
        }
    }

    /// <summary>Opens a file to be written from its beginning: a new one with mode 0600, in a folder that is made with mode 0700 where it is missing.</summary>
    internal static FileStream Create(string path) => Open(path, System.IO.FileMode.Create);

    /// <summary>Opens a file to be written from its end; a new one as <see cref="Create"/> does.</summary>
    internal static FileStream Append(string path) => Open(path, System.IO.FileMode.Append);

    private static FileStream Open(string path, System.IO.FileMode mode)
    {
        CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, BufferSize = 1 << 16, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = FileMode;
        }

        return new FileStream(path, options);
    }

    /// <summary>Writes a text to a file as <see cref="Create"/> opens it.</summary>
    internal static async Task WriteAsync(string path, string text, CancellationToken cancellationToken)
    {
        await using var file = Create(path);
        await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), cancellationToken);
    }
}
