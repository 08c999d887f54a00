using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using LlmProxy.Prompts.Checking;

namespace LlmProxy.Core.Configuration;

/// <summary>What a setting holds: a value, a section, a list of values (which may be written as one string), a list of sections, or values or sections by name.</summary>
internal enum SettingForm { Value, Section, Values, Sections, Map }

/// <summary>One declared setting: a property of an options class with its <see cref="SettingAttribute"/>.</summary>
internal sealed class Setting
{
    private static readonly ConcurrentDictionary<Type, IReadOnlyList<Setting>> Declared = new();
    private static readonly SettingAttribute NoRules = new();

    private Setting(PropertyInfo property)
    {
        Property = property;
        Rules = property.GetCustomAttribute<SettingAttribute>() ?? NoRules;
        var type = property.PropertyType;
        var arguments = type.IsGenericType ? type.GetGenericArguments() : [];
        Type = arguments.Length > 0 ? arguments[^1] : type;
        IsOptional = Nullable.GetUnderlyingType(type) is not null || Rules.Kind == TextKind.Address;
        Form = arguments.Length > 1 ? SettingForm.Map
            : arguments.Length > 0 && !IsOptional ? (IsSection(Type) ? SettingForm.Sections : SettingForm.Values)
            : IsSection(Type) ? SettingForm.Section : SettingForm.Value;
        Range = Rules.Range ?? (Type == typeof(TimeSpan) ? ">0s..21d" : null); // timers of .NET end at 49 days
        Words = Type.IsEnum ? [.. Type.GetEnumNames().Select(name => name.ToLowerInvariant())] : Rules.Kind == TextKind.Provider ? ProviderResolver.Names : [];
    }

    public PropertyInfo Property { get; }

    public string Name => Property.Name;

    public SettingForm Form { get; }

    /// <summary>Type of the value or section, or of each of them in a list or map.</summary>
    public Type Type { get; }

    public SettingAttribute Rules { get; }

    public string? Range { get; }

    /// <summary>The only allowed texts; empty if others are allowed.</summary>
    public IReadOnlyList<string> Words { get; }

    /// <summary>Whether <c>off</c>, <c>none</c> and <c>never</c>, or <c>auto</c> (<see cref="SettingAttribute.Auto"/>), are read as null.</summary>
    public bool IsOptional { get; }

    /// <summary>The settings of an options class, in the order of their declaration.</summary>
    public static IReadOnlyList<Setting> Of(Type section) => Declared.GetOrAdd(section, static type =>
        [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite).Select(property => new Setting(property))]);

    public static bool IsSection(Type type) => type.IsClass && type.Namespace == typeof(Setting).Namespace;

    /// <summary>Whether a text leaves the setting at its default.</summary>
    public bool IsUnset(string? text) => (Rules.Kind == TextKind.Expression ? text : text?.Trim()) switch
    {
        null => true,
        "" => Type == typeof(string) || Type.IsEnum || (IsOptional && !Rules.Auto) || Rules.Required is not null,
        var word when Rules.Auto => word.Equals("auto", StringComparison.OrdinalIgnoreCase),
        var word => IsOptional && word.ToUpperInvariant() is "OFF" or "NONE" or "NEVER",
    };

    /// <summary>Reads and checks a text. A value that breaks a rule is returned with the fix.</summary>
    /// <returns>What to write instead, or null if the value is fine.</returns>
    public string? Read(string text, out object? value)
    {
        var trimmed = Rules.Kind == TextKind.Expression ? text : text.Trim();
        if (Type.IsEnum)
        {
            var index = Words.ToList().FindIndex(word => word.Equals(trimmed, StringComparison.OrdinalIgnoreCase));
            value = index < 0 ? null : Type.GetEnumValues().GetValue(index);
            return index < 0 ? WordFix(trimmed, Words) : null;
        }

        if (Type == typeof(string))
        {
            value = Rules.Kind != TextKind.Provider ? trimmed : trimmed.ToLowerInvariant() is "google" ? "gemini" : trimmed.ToLowerInvariant();
            return TextFix((string)value);
        }

        value = ValueParser.Parse(Type, trimmed, out var fix);
        return fix ?? (Range is null || IsInRange(value!) ? null : Rules.Fix ?? RangeFix());
    }

    /// <summary>A bad value as a message may show it.</summary>
    public string Shown(string text) => Rules.Secret ? ConfigurationProblem.HiddenValue
        : Rules.Kind == TextKind.Address ? text[(text.LastIndexOf('@') + 1)..] : text; // a password precedes the @

    public static string WordFix(string text, IReadOnlyCollection<string> words) =>
        Suggestion.For(text, words) is var hint && hint.StartsWith("use", StringComparison.Ordinal) ? hint : $"{hint} (One of {string.Join(", ", words)}.)";

    /// <summary>The parts of <see cref="Range"/>: its lower bound, whether values have to be above it, and its upper bound or null.</summary>
    public (string Low, bool Above, string? High) Bounds()
    {
        var bounds = Range!.TrimStart('>').Split("..");
        return (bounds[0], Range[0] == '>', bounds.Length > 1 && bounds[1].Length > 0 ? bounds[1] : null);
    }

    private string? TextFix(string text)
    {
        if (Rules.Kind == TextKind.Expression)
        {
            try
            {
                _ = Rules.Linear ? RuleRegex.CreateLinear(text) : RuleRegex.Create(text);
            }
            catch (NotSupportedException)
            {
                return "needs backtracking, which has no limit of time: write it without lookaround, atomic groups and references back.";
            }
            catch (RegexParseException exception)
            {
                return FormattableString.Invariant($"is no regular expression of .NET ({exception.Error} at {exception.Offset}).");
            }
        }

        var isRight = Rules.Kind switch
        {
            TextKind.Provider => Words.Contains(text),
            TextKind.Address => Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https",
            _ => Rules.Pattern is null || RuleRegex.Create(Rules.Pattern).IsMatch(text),
        };
        return isRight ? null : Words.Count > 0 ? WordFix(text, Words) : Rules.Fix;
    }

    private bool IsInRange(object value)
    {
        var (low, above, high) = Bounds();
        return Compare(low) >= (above ? 1 : 0) && (high is null || Compare(high) <= 0);

        int Compare(string bound) => ((IComparable)value).CompareTo(ValueParser.Parse(Type, bound, out _));
    }

    private string RangeFix()
    {
        var noun = Type == typeof(TimeSpan) ? "a time" : Type == typeof(long) ? "a size" : "a number";
        return Bounds() switch
        {
            (var low, true, null) => $"write {noun} above {low}.",
            (var low, true, var high) => $"write {noun} above {low} and up to {high}.",
            (var low, false, null) => $"write {low} or more.",
            var (low, _, high) => $"write {noun} from {low} to {high}.",
        };
    }
}
