using System.Collections;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Storage;
using Microsoft.Extensions.Configuration.EnvironmentVariables;

namespace LlmProxy.Server.Hosting;

/// <summary>The sources of settings, and the options read from them.</summary>
internal sealed class ProxyConfiguration
{
    private const string FileName = "proxy.json";
    private const string TemplatesKey = "LlmProxy:Prompts:Directory";

    private readonly IReadOnlyList<KeyValuePair<string, string?>> _overrides;

    private ProxyConfiguration(
        IConfigurationRoot root,
        LlmProxyOptions options,
        List<ConfigurationProblem> problems,
        string? file,
        string baseDirectory,
        IReadOnlyList<KeyValuePair<string, string?>>? overrides = null)
    {
        _overrides = overrides ?? [];
        Root = root;
        Options = options;
        Problems = problems;
        File = file;
        BaseDirectory = baseDirectory;
    }

    /// <summary>The merged sources.</summary>
    public IConfigurationRoot Root { get; }

    /// <summary>Section <c>LlmProxy</c>.</summary>
    public LlmProxyOptions Options { get; }

    /// <summary>Invalid settings.</summary>
    public IReadOnlyList<ConfigurationProblem> Problems { get; }

    /// <summary>The settings file, or null if the built-in settings apply.</summary>
    public string? File { get; }

    /// <summary>Base folder of relative paths in the settings.</summary>
    public string BaseDirectory { get; }

    /// <summary>Reads the settings: built-in, <c>proxy.json</c>, Bytebot's variables, the environment, the command line; later ones win.</summary>
    /// <param name="configFile">Value of <c>--config</c>, or null to look in the working directory and in the folder of the program.</param>
    /// <param name="overrides">Settings of the command line, as keys and values.</param>
    /// <exception cref="FileNotFoundException">The file of <c>--config</c> does not exist.</exception>
    /// <exception cref="InvalidDataException">The file is not JSON.</exception>
    public static ProxyConfiguration Load(string? configFile, IEnumerable<KeyValuePair<string, string?>>? overrides = null)
    {
        var file = Find(configFile);

        // The last of repeated settings wins.
        var top = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in overrides ?? [])
        {
            top[key] = value;
        }

        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value, StringComparer.OrdinalIgnoreCase);
        var builder = new ConfigurationBuilder();
        var ownRoutes = false;
        List<string> topKeys = [];
        string? templates = null;
        if (file is not null)
        {
            try
            {
                var own = new ConfigurationBuilder().AddJsonFile(file).Build();
                topKeys.AddRange(own.GetChildren().Select(child => child.Key));
                ownRoutes = own.GetSection("ReverseProxy").GetChildren().Any();
                templates = DataFolder.TemplatesOf(file, own[TemplatesKey]);
            }
            catch (InvalidDataException error)
            {
                throw new InvalidDataException(DescribeJson(file, error), error);
            }
        }

        builder.Add(new BuiltInConfigurationSource(withReverseProxy: !ownRoutes));
        if (file is not null)
        {
            builder.AddJsonFile(file);
        }

        if (templates is not null)
        {
            builder.AddInMemoryCollection([new(TemplatesKey, templates)]);
        }

        builder.Add(new BytebotAliasSource(environment));
        builder.AddEnvironmentVariables();
        builder.AddInMemoryCollection(top);
        var root = builder.Build();
        var problems = new List<ConfigurationProblem>();
        var options = OptionsReader.Read(root, environment, ConnectionStrings.Read, problems);
        OptionsValidator.ValidateEnvironment(options, environment, problems);
        UpstreamSettings.Validate(root, options, topKeys.Concat(top.Keys.Select(key => key.Split(':')[0])), problems);
        var baseDirectory = DataFolder.Of(file);
        return new ProxyConfiguration(root, options, problems, file, baseDirectory, [.. top]);
    }

    /// <summary>Reads the built-in settings only, ignoring files and environment variables.</summary>
    /// <param name="overrides">Settings that differ.</param>
    /// <param name="baseDirectory">Base folder of relative paths.</param>
    public static ProxyConfiguration BuiltIn(IEnumerable<KeyValuePair<string, string?>> overrides, string baseDirectory)
    {
        var root = new ConfigurationBuilder().Add(new BuiltInConfigurationSource()).AddInMemoryCollection(overrides).Build();
        var problems = new List<ConfigurationProblem>();
        var options = OptionsReader.Read(root, new Dictionary<string, string?>(StringComparer.Ordinal), ConnectionStrings.Read, problems);
        return new ProxyConfiguration(root, options, problems, null, baseDirectory);
    }

    /// <summary>Adds settings that override the current ones.</summary>
    public ProxyConfiguration With(IEnumerable<KeyValuePair<string, string?>> overrides) => Load(File, [.. _overrides, .. overrides]);

    /// <summary>The settings that apply, and where their values come from.</summary>
    public IReadOnlyList<EffectiveSetting> ListSettings() => EffectiveSetting.List(
        Root, Options, static (source, key) => source is EnvironmentVariablesConfigurationProvider ? $"environment ({key.Replace(":", "__", StringComparison.Ordinal)})" : "command line");

    /// <summary>Resolves a path of the settings.</summary>
    public string Resolve(string path) => Path.GetFullPath(path, BaseDirectory);

    /// <summary>Names line and column as compilers do, so that editors open the place.</summary>
    private static string DescribeJson(string file, Exception error)
    {
        for (var inner = error.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is JsonException { LineNumber: { } line, BytePositionInLine: { } position } json)
            {
                var text = json.Message.Split(" LineNumber:", 2)[0];
                return string.Create(CultureInfo.InvariantCulture, $"{file}({line + 1},{position + 1}) is not valid JSON: {text}");
            }
        }

        return $"{file} is not valid JSON: {error.InnerException?.Message ?? error.Message}";
    }

    private static string? Find(string? configFile)
    {
        if (configFile is not null)
        {
            var path = Path.GetFullPath(configFile);
            return System.IO.File.Exists(path) ? path : throw new FileNotFoundException($"Settings file not found: {path}. Check --config.", path);
        }

        return new[] { Directory.GetCurrentDirectory(), AppContext.BaseDirectory }
            .Select(folder => Path.Combine(folder, FileName))
            .FirstOrDefault(System.IO.File.Exists);
    }
}
