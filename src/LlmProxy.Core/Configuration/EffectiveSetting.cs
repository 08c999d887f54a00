using System.Collections;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;

namespace LlmProxy.Core.Configuration;

/// <summary>A setting as it applies, and where its value comes from.</summary>
/// <param name="Key">Its key, such as <c>LlmProxy:FewShot:Count</c>.</param>
/// <param name="Value">Its value as text; <see cref="ConfigurationProblem.HiddenValue"/> for a secret, null if it is off or not set.</param>
/// <param name="Source">The file, <c>environment (NAME)</c>, <c>command line</c>, or <c>default</c>.</param>
/// <param name="IsDefault">Whether no source of the user sets it.</param>
/// <param name="IsLive">Whether a change takes effect without a restart.</param>
public sealed record EffectiveSetting(string Key, string? Value, string Source, bool IsDefault, bool IsLive)
{
    private const string Default = "default";
    private static readonly string[] SecretWords = ["password", "secret", "token", "apikey", "authorization"];

    /// <summary>All settings of the section <c>LlmProxy</c> in the order of their declaration, then what is set in <c>ReverseProxy</c>.</summary>
    /// <param name="root">The sources.</param>
    /// <param name="options">The options read from them.</param>
    /// <param name="describe">Names a source of the host for a key, such as <c>environment (NAME)</c>.</param>
    public static IReadOnlyList<EffectiveSetting> List(IConfigurationRoot root, LlmProxyOptions options, Func<IConfigurationProvider, string, string> describe)
    {
        ArgumentNullException.ThrowIfNull(describe);
        ArgumentNullException.ThrowIfNull(root);
        ArgumentNullException.ThrowIfNull(options);
        var settings = new List<EffectiveSetting>();
        Add(settings, root, describe, OptionsReader.SectionName, typeof(LlmProxyOptions), options);
        foreach (var (key, value) in root.GetSection("ReverseProxy").AsEnumerable().Where(pair => pair.Value is not null).OrderBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase))
        {
            var (source, isDefault) = SourceOf(root, describe, key);
            var isSecret = Array.Exists(SecretWords, word => key.Contains(word, StringComparison.OrdinalIgnoreCase));
            settings.Add(new(key, isSecret ? ConfigurationProblem.HiddenValue : value, source, isDefault, IsLive: true));
        }

        return settings;
    }

    private static void Add(List<EffectiveSetting> settings, IConfigurationRoot root, Func<IConfigurationProvider, string, string> describe, string path, Type type, object section)
    {
        foreach (var setting in Setting.Of(type))
        {
            var key = ConfigurationPath.Combine(path, setting.Name);
            var value = setting.Property.GetValue(section);
            if (setting.Form == SettingForm.Section && value is not null)
            {
                Add(settings, root, describe, key, setting.Type, value);
                continue;
            }

            IEnumerable<(string Name, object? Value)> entries = value is IDictionary map ? map.Keys.Cast<string>().Select(name => (name, map[name]))
                : value is IEnumerable list and not string ? list.Cast<object?>().Select((entry, i) => (i.ToString(CultureInfo.InvariantCulture), entry))
                : [];
            if (setting.Form is SettingForm.Sections or SettingForm.Map && Setting.IsSection(setting.Type))
            {
                foreach (var (name, entry) in entries)
                {
                    Add(settings, root, describe, ConfigurationPath.Combine(key, name), setting.Type, entry!);
                }

                continue;
            }

            var (source, isDefault) = SourceOf(root, describe, key);
            var text = setting.Form switch
            {
                SettingForm.Map => string.Join(", ", entries.Select(entry => $"{entry.Name}={entry.Value}")),
                SettingForm.Values => string.Join(", ", entries.Select(entry => Text(entry.Value))),
                _ => Text(value) ?? (setting.Rules.Auto ? "auto" : null),
            };
            settings.Add(new(key, setting.Rules.Secret && !string.IsNullOrEmpty(text) ? ConfigurationProblem.HiddenValue : text, source, isDefault, setting.Rules.Live));
        }
    }

    private static string? Text(object? value) => value switch
    {
        null => null,
        bool truth => truth ? "true" : "false",
        Enum word => word.Word(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    /// <summary>The highest source that sets a key or a part of it.</summary>
    private static (string Source, bool IsDefault) SourceOf(IConfigurationRoot root, Func<IConfigurationProvider, string, string> describe, string key)
    {
        foreach (var provider in root.Providers.Reverse())
        {
            var isSet = provider.TryGet(key, out _) || provider.GetChildKeys([], key).Any();
            if (!isSet)
            {
                continue;
            }

            return provider switch
            {
                BuiltInConfigurationProvider => (Default, true),
                JsonConfigurationProvider { Source: { Path: { } path } source } => (source.FileProvider?.GetFileInfo(path).PhysicalPath ?? path, false),
                BytebotAliasProvider alias => ($"environment ({alias.Origin(key)})", false),
                _ => (describe(provider, key), false),
            };
        }

        return (Default, true);
    }
}
