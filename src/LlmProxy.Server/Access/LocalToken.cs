using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;

namespace LlmProxy.Server.Access;

/// <summary>
/// A secret that only the user who runs the proxy can read: a file (0600) in the folder of the data. Without keys, it is
/// needed to change or delete what is stored. It stays the same over restarts.
/// </summary>
internal sealed class LocalToken
{
    private const string Name = "local-token";
    private const int Bytes = 32;

    private readonly byte[] _hash;

    private LocalToken(string file, string value)
    {
        File = file;
        _hash = SHA256.HashData(Encoding.UTF8.GetBytes(value));
    }

    /// <summary>The file that holds it.</summary>
    public string File { get; }

    /// <summary>The file for these settings: in the folder that also holds the spool.</summary>
    public static string FileFor(RecordingOptions recording, string baseDirectory)
    {
        var spool = Path.TrimEndingDirectorySeparator(Path.GetFullPath(recording.Spool.Directory, baseDirectory));
        return Path.Combine(Path.GetDirectoryName(spool) ?? spool, Name);
    }

    /// <summary>Reads the token, or creates it.</summary>
    /// <exception cref="IOException">The file cannot be used; the message names it and the fix.</exception>
    public static LocalToken Open(string file)
    {
        PrivateFiles.CreateDirectory(Path.GetDirectoryName(file)!);
        return new LocalToken(file, Read(file) ?? Create(file));
    }

    /// <summary>Reads the token for sending it; null if there is none or another user owns it.</summary>
    public static string? TryRead(string file)
    {
        try
        {
            return Read(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether a text is the token. Compares in constant time.</summary>
    public bool Matches(string presented) => CryptographicOperations.FixedTimeEquals(_hash, SHA256.HashData(Encoding.UTF8.GetBytes(presented)));

    private static string? Read(string file)
    {
        var info = new FileInfo(file);
        if (info.LinkTarget is not null)
        {
            throw Unusable(file, "is a link");
        }

        if (!info.Exists)
        {
            return null;
        }

        if (!OperatingSystem.IsWindows() && (info.UnixFileMode & ~(PrivateFiles.FileMode | UnixFileMode.UserExecute)) != UnixFileMode.None)
        {
            throw Unusable(file, "can be read by other users");
        }

        var text = System.IO.File.ReadAllText(file).Trim();
        return text.Length == 2 * Bytes ? text : throw Unusable(file, "does not hold a token");
    }

    private static string Create(string file)
    {
        var value = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Bytes));
        var written = $"{file}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = PrivateFiles.FileMode;
        }

        using (var writer = new StreamWriter(written, options))
        {
            writer.WriteLine(value);
        }

        try
        {
            System.IO.File.Move(written, file, overwrite: false);
            return value;
        }
        catch (IOException) when (System.IO.File.Exists(file))
        {
            // Another process of this user was first.
            System.IO.File.Delete(written);
            return Read(file) ?? throw Unusable(file, "was removed while it was read");
        }
    }

    private static IOException Unusable(string file, string why) => new($"The local token file {file} {why}. Delete it; the next start creates a new one.");
}
