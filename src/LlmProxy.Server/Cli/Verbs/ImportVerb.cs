using System.CommandLine;

namespace LlmProxy.Server.Cli.Verbs;

internal static class ImportVerb
{
    public static Command Create(CliContext context) => new("import", "x");
}
