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
}
