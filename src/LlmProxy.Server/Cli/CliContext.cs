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

    /// <summary>Environment variable that names the server for verbs.</summary>
    public const string ServerVariable = "LLMPROXY_URL";

    /// <summary>Where agents keep their histories.</summary>
    public AgentFolders Agents { get; init; } = AgentFolders.OfUser();

    /// <summary>Addresses of the server.</summary>
    public Option<string?> Urls { get; } = new("--urls", "--server") { Description = $"Address of the server (default: {ServerVariable} for verbs, ASPNETCORE_URLS, or http://127.0.0.1:8080); separate several with ;", HelpName = "URL", Recursive = true };

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

    /// <summary>Name of the option <c>--json</c>.</summary>
    public const string JsonName = "--json";

    /// <summary>The options of a command line that name the settings, for another process.</summary>
    public IReadOnlyList<string> ArgumentsOf(ParseResult parse)
    {
        List<string> arguments = [];
        if (parse.GetValue(_config) is { } config)
        {
            arguments.AddRange(["--config", Path.GetFullPath(config)]);
        }

        if (parse.GetValue(Urls) is { } urls)
        {
            arguments.AddRange(["--urls", urls]);
        }

        arguments.AddRange((parse.GetValue(_set) ?? []).SelectMany(setting => (string[])["--set", setting]));
        arguments.AddRange(_settings.Select(setting => $"--{setting.Key}={setting.Value}"));
        return arguments;
    }

    /// <summary>Creates the option <c>--json</c> of a verb.</summary>
    public static Option<bool> JsonOption() => new(JsonName) { Description = "Print JSON" };

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

    /// <summary>The addresses to listen on.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="configuration">The settings.</param>
    public IReadOnlyList<string> Addresses(ParseResult parse, ProxyConfiguration configuration) => Addresses(configuration, parse.GetValue(Urls));

    /// <summary>The addresses to find the server at.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="configuration">The settings.</param>
    /// <param name="withOption">Whether to read <c>--urls</c>: a verb with a listener of its own uses that option for it.</param>
    public IReadOnlyList<string> ServerAddresses(ParseResult parse, ProxyConfiguration configuration, bool withOption = true) =>
        Addresses(configuration, withOption ? parse.GetValue(Urls) : null, Environment.GetEnvironmentVariable(ServerVariable));

    /// <summary>Whether the command line or the environment names the server: a verb then works on no other store.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="withOption">Whether to read <c>--urls</c>.</param>
    public bool NamesServer(ParseResult parse, bool withOption = true) =>
        (withOption && !string.IsNullOrWhiteSpace(parse.GetValue(Urls))) || !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(ServerVariable));

    private static string[] Addresses(ProxyConfiguration configuration, params string?[] named)
    {
        string?[] sources = [.. named, Environment.GetEnvironmentVariable("ASPNETCORE_URLS"), configuration.Root["urls"]];
        var text = Array.Find(sources, value => !string.IsNullOrWhiteSpace(value)) ?? string.Join(';', ListenAddresses.Of(configuration.Root, [ProxyHost.DefaultUrl]).Urls);
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

    /// <summary>Lists the problems of the settings, one per line.</summary>
    public static string Describe(IReadOnlyList<ConfigurationProblem> problems) =>
        $"{problems.Count} {(problems.Count == 1 ? "invalid setting" : "invalid settings")}:\n" + string.Join('\n', problems.Select(problem => "  " + problem));
}
