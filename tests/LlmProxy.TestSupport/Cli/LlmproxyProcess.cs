using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LlmProxy.Tests.Cli;

/// <summary>The program in a process of its own, with a working directory and a folder for temporary files of its own.</summary>
internal static class LlmproxyProcess
{
    public static Process Start(TestFolder folder, params string[] arguments) => Start(folder, [], arguments);

    /// <summary>The same with variables, as NAME=value.</summary>
    public static Process Start(TestFolder folder, IEnumerable<string> environment, IEnumerable<string> arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "llmproxy");
        var start = new ProcessStartInfo(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"))
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder.Path,
        };
        foreach (var argument in (string[])["exec", "--runtimeconfig", program + ".runtimeconfig.json", "--depsfile", program + ".deps.json", program + ".dll", .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["XDG_DATA_HOME"] = folder["share"];
        foreach (var variable in environment)
        {
            var equals = variable.IndexOf('=', StringComparison.Ordinal);
            start.Environment[variable[..equals]] = variable[(equals + 1)..];
        }

        start.Environment["TMPDIR"] = folder.Path;
        return Process.Start(start)!;
    }
}
