using System.Security.Cryptography;
using LlmProxy.Core.Recording;
using Microsoft.AspNetCore.DataProtection;

namespace LlmProxy.Server.Hosting;

/// <summary>Protects the keys of an encrypted spool with data protection keys in a folder. The folder is made and read only when a key has to be protected or read.</summary>
internal static class SpoolKeys
{
    // Part of what the keys are derived from: another word means that older spools cannot be read.
    private const string Application = "LlmProxy";
    private const string Purpose = "spool";

    public static SpoolKeyProtection In(string directory)
    {
        var protector = new Lazy<IDataProtector>(() =>
        {
            PrivateFiles.CreateDirectory(directory);
            return DataProtectionProvider.Create(new DirectoryInfo(directory), builder => builder.SetApplicationName(Application)).CreateProtector(Purpose);
        });
        return new SpoolKeyProtection(
            key =>
            {
                var kept = protector.Value.Protect(key);
                KeepPrivate(directory);
                return kept;
            },
            // Without the folder there is no key, and none is to be made for the answer.
            key => Directory.Exists(directory) ? protector.Value.Unprotect(key) : throw new CryptographicException($"There are no keys in {directory}."),
            directory);
    }

    private static void KeepPrivate(string directory)
    {
        if (!OperatingSystem.IsWindows())
        {
            foreach (var file in Directory.EnumerateFiles(directory, "*.xml"))
            {
                File.SetUnixFileMode(file, PrivateFiles.FileMode);
            }
        }
    }
}
