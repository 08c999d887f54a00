using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Hosting;

/// <summary>What a server leaves in the folder of the user who starts it.</summary>
public sealed class HomeFolderTests
{
    [Fact]
    public async Task A_start_writes_no_file_outside_of_its_data()
    {
        using var home = new TestFolder();
        using var folder = new TestFolder();
        using var process = LlmproxyProcess.Start(folder, ["HOME=" + home.Path, "USERPROFILE=" + home.Path], ["serve", .. folder.Alone[2..], "--urls", "http://127.0.0.1:0"]);
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            var line = "";
            while (!line.Contains(" listens on ", StringComparison.Ordinal))
            {
                line = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(await error);
            }

            Assert.Empty(Directory.EnumerateFileSystemEntries(home.Path));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }
}
