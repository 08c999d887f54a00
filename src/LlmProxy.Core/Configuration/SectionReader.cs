using System.Collections;
using LlmProxy.Prompts.Checking;

namespace LlmProxy.Core.Configuration;

/// <summary>
/// Reads the settings that an options class declares. A setting that cannot be read is a problem and keeps its default, so that
/// one start shows all problems. Keys that are not declared are typos.
/// </summary>
internal sealed class SectionReader(ICollection<ConfigurationProblem> problems)
{
    public object Read(Type type, ConfigurationNode node)
    {
        var section = Activator.CreateInstance(type)!;
        var settings = Setting.Of(type);
        foreach (var setting in settings)
        {
            if (Value(setting, node.Child(setting.Name)) is { } value)
            {
                setting.Property.SetValue(section, value);
            }
        }

        ReportUnknown(settings, node);
        return section;
    }

    private object? Value(Setting setting, ConfigurationNode node) => setting.Form switch
    {
        SettingForm.Section => Section(setting, node),
        SettingForm.Sections => Sections(setting, node),
        SettingForm.Values => Values(setting, node),
        SettingForm.Map => Map(setting, node),
        _ => Scalar(setting, node),
    };

    private object? Scalar(Setting setting, ConfigurationNode node)
    {
        if (node.TryGet(out var text) && !setting.IsUnset(text))
        {
            return Parse(setting, text!, node.Origin);
        }

        if (setting.Rules.Required is { } required)
        {
            problems.Add(new(node.Path, null, "is missing: " + required));
        }

        return null;
    }

    private object? Parse(Setting setting, string text, string key)
    {
        if (setting.Read(text, out var value) is { } fix)
        {
            problems.Add(new(key, setting.Shown(text.Trim()), fix));
        }

        return value;
    }

    private object Section(Setting setting, ConfigurationNode node)
    {
        if (node.Text() is not null && !setting.Rules.Switch)
        {
            problems.Add(new(node.Origin, null, "is a section with settings of its own: { … }."));
        }

        var section = Read(setting.Type, node);
        if (setting.Rules.Switch)
        {
            ReadSwitch(section, node);
        }

        return section;
    }

    /// <summary>One value for the section sets its <c>Enabled</c>, unless a higher source has the section's own. A bad value leaves the default.</summary>
    private void ReadSwitch(object section, ConfigurationNode node)
    {
        var enabled = Setting.Of(section.GetType()).Single(setting => setting.Name == "Enabled");
        var highest = node.Layers.Select(node.In).FirstOrDefault(one => one.Text() is not null || one.Child(enabled.Name).TryGet(out _));
        if (highest?.Text() is { } word)
        {
            enabled.Property.SetValue(section, Parse(enabled, word, highest.Origin) ?? enabled.Property.GetValue(Activator.CreateInstance(section.GetType())));
        }
    }

    /// <summary>A list of sections, from the highest source that has it.</summary>
    private Array? Sections(Setting setting, ConfigurationNode node)
    {
        if (node.Highest() is not { } list)
        {
            return null;
        }

        if (list.Text() is not null)
        {
            problems.Add(new(list.Origin, null, "is a list of objects: [ { … } ]."));
        }

        return ArrayOf(setting.Type, list.ChildNames().Select(name => Read(setting.Type, list.Child(name))));
    }

    /// <summary>Values or sections by name; sources are laid over each other, name by name and key by key. A null removes the value of a lower source.</summary>
    private IDictionary Map(Setting setting, ConfigurationNode node)
    {
        var map = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), setting.Type), StringComparer.OrdinalIgnoreCase)!;
        foreach (var name in node.ChildNames())
        {
            if ((Setting.IsSection(setting.Type) ? Read(setting.Type, node.Child(name)) : Scalar(setting, node.Child(name))) is { } value)
            {
                map[name] = value;
            }
        }

        return map;
    }

    /// <summary>A list of values from the highest source that has it. One string may hold several, separated by commas, unless they are expressions.</summary>
    private Array? Values(Setting setting, ConfigurationNode node)
    {
        if (node.Highest() is not { } list)
        {
            return null;
        }

        var values = new List<object?>();
        var items = list.ChildNames();
        if (list.TryGet(out var text) && !string.IsNullOrWhiteSpace(text))
        {
            if (items.Count > 0)
            {
                problems.Add(new(list.Origin, text, "is given as one string and by index in the same source; keep one of them."));
            }

            Add(text, list.Origin);
        }
        else
        {
            foreach (var item in items.Select(list.Child))
            {
                if (!item.TryGet(out var entry) || item.ChildNames().Count > 0)
                {
                    problems.Add(new(item.Path, null, "is an entry of a list of texts: write one text."));
                }
                else if (!string.IsNullOrWhiteSpace(entry))
                {
                    Add(entry, item.Path);
                }
            }
        }

        var read = values.OfType<object>();
        return ArrayOf(setting.Type, setting.Rules.Kind == TextKind.Provider ? read.Distinct() : read);

        void Add(string several, string key)
        {
            var parts = setting.Rules.Kind == TextKind.Expression ? [several] : several.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            values.AddRange(parts.Select(part => Parse(setting, part, key)));
        }
    }

    /// <summary>Reports every key that is not declared. Values are not shown: a misspelt key may hold a secret.</summary>
    private void ReportUnknown(IReadOnlyList<Setting> settings, ConfigurationNode node)
    {
        foreach (var child in node.ChildNames())
        {
            var setting = settings.FirstOrDefault(setting => setting.Name.Equals(child, StringComparison.OrdinalIgnoreCase));
            if (setting is null)
            {
                problems.Add(new(node.Child(child).Path, null, "is no setting; " + Suggestion.For(child, [.. settings.Select(known => known.Name)])));
            }
            else if (setting.Form == SettingForm.Value && node.Child(child).IsOnlyParent())
            {
                problems.Add(new(node.Child(child).Path, null, "holds one value, not a list or section."));
            }
        }
    }

    private static Array ArrayOf(Type type, IEnumerable<object> values)
    {
        var items = values.ToArray();
        var array = Array.CreateInstance(type, items.Length);
        items.CopyTo(array, 0);
        return array;
    }
}
