using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// The folder that relative paths of the settings are resolved against. It is never the program's own folder: an update or a new
/// deployment replaces that.
/// </summary>
internal static class DataFolder
{
    private const string Data = "data";

    /// <summary>The folder of a settings file, or that of the user's data if no file applies or the file belongs to the program.</summary>
    /// <param name="file">The settings file, or null for the built-in settings.</param>
    /// <exception cref="InvalidDataException">Data lie in the program's folder, or the user has no data folder.</exception>
    public static string Of(string? file) => Of(file, AppContext.BaseDirectory, OfUser());

    /// <summary>The same for a program and a user.</summary>
    /// <param name="file">The settings file, or null for the built-in settings.</param>
    /// <param name="program">The program's folder.</param>
    /// <param name="user">The user's data folder, or null if the system names none.</param>
    internal static string Of(string? file, string program, string? user)
    {
        if (file is not null && !IsIn(Path.GetDirectoryName(file)!, program))
        {
            return Path.GetDirectoryName(file)!;
        }

        if (user is null)
        {
            throw new InvalidDataException("The user's data folder is unknown. Set HOME or XDG_DATA_HOME, or use a settings file outside the program's folder: llmproxy init DIR, then --config DIR/proxy.json.");
        }

        var old = Path.Combine(program, Data);
        var current = Path.Combine(user, Data);
        return Directory.Exists(old) && Directory.EnumerateFileSystemEntries(old).Any() && !Directory.Exists(current)
            ? throw new InvalidDataException(
                $"Recorded runs are in {old}, next to the program, where an update deletes them. Stop llmproxy and move the folder to {current}, for example: mkdir -p \"{user}\" && mv \"{old}\" \"{current}\". Then run this again.")
            : user;
    }

    /// <summary>The folder of the templates next to a settings file of the program; null if the file is another one. Templates are no data: they belong to the file.</summary>
    /// <param name="file">The settings file.</param>
    /// <param name="configured">The folder in the file, or null for the default.</param>
    public static string? TemplatesOf(string file, string? configured) => TemplatesOf(file, configured, AppContext.BaseDirectory);

    /// <summary>The same for a program.</summary>
    internal static string? TemplatesOf(string file, string? configured, string program) =>
        IsIn(Path.GetDirectoryName(file)!, program) ? Path.GetFullPath(configured ?? new PromptOptions().Directory, Path.GetDirectoryName(file)!) : null;

    /// <summary>The user's data folder, or null if the system names none.</summary>
    private static string? OfUser()
    {
        var folder = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return Path.IsPathFullyQualified(folder) ? Path.Combine(folder, "llmproxy") : null;
    }

    private static bool IsIn(string folder, string program)
    {
        var path = Path.GetRelativePath(program, folder);
        return path == "." || (path != ".." && !path.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal) && !Path.IsPathRooted(path));
    }
}
