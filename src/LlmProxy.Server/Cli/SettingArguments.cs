namespace LlmProxy.Server.Cli;

/// <summary>Settings on the command line: <c>--LlmProxy:FewShot:Count=2</c>, the same with a space, and <c>--set KEY=VALUE</c>.</summary>
internal static class SettingArguments
{
    private static readonly string[] Sections = ["--LlmProxy:", "--ReverseProxy:"];

    /// <summary>Separates the settings from the other arguments, since the parser does not know them.</summary>
    public static (string[] Others, List<KeyValuePair<string, string?>> Settings) Take(IReadOnlyList<string> arguments)
    {
        var rest = new List<string>();
        var settings = new List<KeyValuePair<string, string?>>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (!Array.Exists(Sections, section => argument.StartsWith(section, StringComparison.OrdinalIgnoreCase)))
            {
                rest.Add(argument);
                continue;
            }

            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            if (equals >= 0)
            {
                settings.Add(new(argument[2..equals], argument[(equals + 1)..]));
            }
            else if (i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                settings.Add(new(argument[2..], arguments[++i]));
            }
            else
            {
                throw new CliException($"Missing value of {argument}: write {argument}=VALUE.", ExitCodes.WrongUsage);
            }
        }

        return ([.. rest], settings);
    }

    /// <summary>Parses a value of <c>--set</c>.</summary>
    public static KeyValuePair<string, string?> Parse(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0
            ? new(text[..equals], text[(equals + 1)..])
            : throw new CliException($"Invalid option --set {text}: write --set KEY=VALUE, such as --set LlmProxy:FewShot:Count=2.", ExitCodes.WrongUsage);
    }
}
