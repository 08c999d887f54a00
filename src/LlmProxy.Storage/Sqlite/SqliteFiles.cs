using LlmProxy.Core.Stores;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage.Sqlite;

/// <summary>The store's file: made so that only its owner can read it.</summary>
internal static class SqliteFiles
{
    private const UnixFileMode OwnerOnlyFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OwnerOnlyFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The path of a connection string's database.</summary>
    /// <exception cref="StoreException">It has none, or is one in memory.</exception>
    public static string PathOf(SqliteConnectionStringBuilder connection)
    {
        var path = connection.DataSource;
        if (string.IsNullOrWhiteSpace(path) || connection.Mode == SqliteOpenMode.Memory || path.Contains(":memory:", StringComparison.OrdinalIgnoreCase))
        {
            throw new StoreException("The sqlite store needs a file: write 'Data Source=data/llmproxy.db' in LlmProxy:Storage:ConnectionString. A database in memory is not shared by connections.");
        }

        return path;
    }

    /// <summary>Makes the folder (0700) and the file (0600). SQLite gives its side files the mode of the file.</summary>
    public static void Create(string path)
    {
        if (path.StartsWith("file:", StringComparison.Ordinal) || File.Exists(path))
        {
            return;
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder!);
            return;
        }

        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder!, OwnerOnlyFolder);
        }

        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite,
            UnixCreateMode = OwnerOnlyFile,
        });
    }
}
