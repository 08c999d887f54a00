using System.CommandLine;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Hosting;

namespace LlmProxy.Server.Cli;

/// <summary>What every verb has at hand.</summary>
internal sealed class CliContext
{
    private readonly IReadOnlyList<KeyValuePair<string, string?>> _settings;
    private readonly Option<string?> _config = new("--config") { Description = "The settings file (else proxy.json in the working directory, else the built-in defaults)", HelpName = "FILE", Recursive = true };
    private readonly Option<string[]> _set = new("--set") { Description = "One setting, such as LlmProxy:FewShot:Count=2; may be given several times (also as --LlmProxy:FewShot:Count=2)", HelpName = "KEY=VALUE", Recursive = true };

    public CliContext(CliConsole console, IReadOnlyList<KeyValuePair<string, string?>> settings)
    {
        Console = console;
        _settings = settings;
    }

    /// <summary>Where to write.</summary>
    public CliConsole Console { get; }

    /// <summary>Addresses of the server.</summary>
    public Option<string?> Urls { get; } = new("--urls") { Description = "Address of the server (else ASPNETCORE_URLS, else http://127.0.0.1:8080); several with ;", HelpName = "URL", Recursive = true };

    /// <summary>Adds the options that every verb has.</summary>
    public void AddTo(RootCommand root)
    {
        root.Add(_config);
        root.Add(_set);
        root.Add(Urls);
    }

    /// <summary>Makes the option <c>--json</c> of a verb.</summary>
    public static Option<bool> JsonOption() => new("--json") { Description = "Print JSON" };

    /// <summary>Reads the settings; problems included.</summary>
    /// <exception cref="CliException">The file is not there or no JSON.</exception>
    public ProxyConfiguration ReadConfiguration(ParseResult parse, IEnumerable<KeyValuePair<string, string?>>? further = null)
    {
        try
        {
            return ProxyConfiguration.Load(parse.GetValue(_config), [.. _settings, .. (parse.GetValue(_set) ?? []).Select(SettingArguments.Parse), .. further ?? []]);
        }
        catch (Exception error) when (error is FileNotFoundException or InvalidDataException)
        {
            throw new CliException(error.Message);
        }
    }

    /// <summary>Reads the settings; any problem is an end.</summary>
    /// <exception cref="CliException">Something is wrong; the message names all of it.</exception>
    public ProxyConfiguration Configuration(ParseResult parse, IEnumerable<KeyValuePair<string, string?>>? further = null)
    {
        var configuration = ReadConfiguration(parse, further);
        return configuration.Problems.Count == 0 ? configuration : throw new CliException(Describe(configuration.Problems));
    }

    /// <summary>The addresses to listen on, or where the server is looked for.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="withOption">Whether <c>--urls</c> counts: a verb that listens by itself has it for that.</param>
    public IReadOnlyList<string> Addresses(ParseResult parse, ProxyConfiguration configuration, bool withOption = true)
    {
        var text = new[] { withOption ? parse.GetValue(Urls) : null, Environment.GetEnvironmentVariable("ASPNETCORE_URLS"), configuration.Root["urls"] }
            .FirstOrDefault(value => !string.IsNullOrWhiteSpace(value)) ?? ProxyHost.DefaultUrl;
        var urls = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var url in urls)
        {
            // + and * stand for all addresses.
            if (!Uri.TryCreate(url.Replace("://*", "://any", StringComparison.Ordinal).Replace("://+", "://any", StringComparison.Ordinal), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            {
                throw new CliException($"\"{url}\" is no address to listen on: write for example --urls {ProxyHost.DefaultUrl}.", ExitCodes.WrongUsage);
            }
        }

        return urls;
    }

    /// <summary>All problems of the settings, one a line.</summary>
    public static string Describe(IReadOnlyList<ConfigurationProblem> problems) =>
        $"{problems.Count} {(problems.Count == 1 ? "setting is" : "settings are")} wrong:\n" + string.Join('\n', problems.Select(problem => "  " + problem));
}
