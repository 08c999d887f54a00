using System.Data.Common;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Cli;

/// <summary>Describes the location of the store without its password.</summary>
internal static class StorePlace
{
    private static readonly string[] Places = ["Host", "Server", "Port", "Database", "Username", "User ID"];

    public static string Describe(StorageOptions options, string baseDirectory)
    {
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = options.ConnectionString };
            if (options.Provider == StoreProvider.Postgres)
            {
                return string.Join(' ', Places.Where(parts.ContainsKey).Select(name => $"{name}={parts[name]}"));
            }

            var file = (parts.TryGetValue("Data Source", out var source) || parts.TryGetValue("DataSource", out source) || parts.TryGetValue("Filename", out source)) ? source.ToString()! : "";
            return file.Length == 0 || file[0] == ':' ? "in memory" : Path.GetFullPath(file, baseDirectory);
        }
        catch (ArgumentException)
        {
            return "(the connection string cannot be read)";
        }
    }
}
