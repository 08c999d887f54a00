using System.CommandLine;
using LlmProxy.Core.Configuration;
using LlmProxy.Server.Access;
using LlmProxy.Server.Hosting;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli;

/// <summary>Settings and console shared by all verbs.</summary>
internal sealed class CliContext
{
    private readonly IReadOnlyList<KeyValuePair<string, string?>> _settings;
    private readonly Option<string?> _config = new("--config") { Description = "Settings file (default: proxy.json in the working directory, or the built-in settings)", HelpName = "FILE", Recursive = true };
    private readonly Option<string[]> _set = new("--set") { Description = "Override a setting, such as LlmProxy:FewShot:Count=2; repeatable (also as --LlmProxy:FewShot:Count=2)", HelpName = "KEY=VALUE", Recursive = true };

    public CliContext(CliConsole console, IReadOnlyList<KeyValuePair<string, string?>> settings)
    {
        Console = console;
        _settings = settings;
    }

    /// <summary>Output of the verb.</summary>
    public CliConsole Console { get; }

    /// <summary>Where agents keep their histories.</summary>
    public AgentFolders Agents { get; init; } = AgentFolders.OfUser();

    /// <summary>Addresses of the server.</summary>
    public Option<string?> Urls { get; } = new("--urls") { Description = "Address of the server (default: ASPNETCORE_URLS, or http://127.0.0.1:8080); separate several with ;", HelpName = "URL", Recursive = true };

    /// <summary>The tenant to work on.</summary>
    public Option<string?> Tenant { get; } = new("--tenant") { Description = "Tenant whose data a verb uses without a running server, or whose key is created (default: that of LLMPROXY_KEY, else \"default\")", HelpName = "TENANT", Recursive = true };

    /// <summary>Adds the options that all verbs share.</summary>
    public void AddTo(RootCommand root)
    {
        root.Add(_config);
        root.Add(_set);
        root.Add(Urls);
        root.Add(Tenant);
    }

    /// <summary>Creates the option <c>--json</c> of a verb.</summary>
    public static Option<bool> JsonOption() => new("--json") { Description = "Print JSON" };

    /// <summary>Reads the settings and their problems.</summary>
    /// <exception cref="CliException">The file does not exist or is not valid JSON.</exception>
    public ProxyConfiguration ReadConfiguration(ParseResult parse, IEnumerable<KeyValuePair<string, string?>>? further = null) => ReadConfiguration(parse, parse.GetValue(_config), further);

    /// <summary>Reads the settings of a file and their problems.</summary>
    /// <exception cref="CliException">The file does not exist or is not valid JSON.</exception>
    public ProxyConfiguration ReadConfiguration(ParseResult parse, string? file, IEnumerable<KeyValuePair<string, string?>>? further = null)
    {
        try
        {
            return ProxyConfiguration.Load(file, [.. _settings, .. (parse.GetValue(_set) ?? []).Select(SettingArguments.Parse), .. further ?? []]);
        }
        catch (Exception error) when (error is FileNotFoundException or InvalidDataException)
        {
            throw new CliException(error.Message);
        }
    }

    /// <summary>Reads the settings, which must be valid.</summary>
    /// <exception cref="CliException">Settings are invalid; the message lists all of them.</exception>
    public ProxyConfiguration Configuration(ParseResult parse, IEnumerable<KeyValuePair<string, string?>>? further = null)
    {
        var configuration = ReadConfiguration(parse, further);
        return configuration.Problems.Count == 0 ? configuration : throw new CliException(Describe(configuration.Problems));
    }

    /// <summary>The addresses to listen on, or to find the server at.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="withOption">Whether to read <c>--urls</c>: a verb with a listener of its own uses that option for it.</param>
    public IReadOnlyList<string> Addresses(ParseResult parse, ProxyConfiguration configuration, bool withOption = true)
    {
        var text = new[] { withOption ? parse.GetValue(Urls) : null, Environment.GetEnvironmentVariable("ASPNETCORE_URLS"), configuration.Root["urls"] }
            .FirstOrDefault(value => !string.IsNullOrWhiteSpace(value)) ?? string.Join(';', ListenAddresses.Of(configuration.Root, [ProxyHost.DefaultUrl]).Urls);
        var urls = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var url in urls)
        {
            // + and * mean all addresses.
            if (!Uri.TryCreate(url.Replace("://*", "://any", StringComparison.Ordinal).Replace("://+", "://any", StringComparison.Ordinal), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            {
                throw new CliException($"\"{url}\" is not a valid address. Use, for example, --urls {ProxyHost.DefaultUrl}.", ExitCodes.WrongUsage);
            }
        }

        return urls;
    }

    /// <summary>Whether the command line names the server: a verb then works on no other store.</summary>
    public bool NamesServer(ParseResult parse) => !string.IsNullOrWhiteSpace(parse.GetValue(Urls));

    /// <summary>Lists the problems of the settings, one per line.</summary>
    public static string Describe(IReadOnlyList<ConfigurationProblem> problems) =>
        $"{problems.Count} {(problems.Count == 1 ? "invalid setting" : "invalid settings")}:\n" + string.Join('\n', problems.Select(problem => "  " + problem));
}
