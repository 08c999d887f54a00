using System.Globalization;
using LlmProxy.Prompts.Checking;

namespace LlmProxy.Core.Configuration;

/// <summary>
/// Reads the settings of one section and remembers which it was asked for, so that what is left over is a typo.
/// A setting that cannot be read is a problem and keeps its default, so that one start shows all problems.
/// </summary>
internal sealed class SectionReader(ConfigurationNode node, ICollection<ConfigurationProblem> problems)
{
    private readonly HashSet<string> scalars = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> others = new(StringComparer.OrdinalIgnoreCase);

    public delegate bool Parse<T>(string text, out T value);

    public ConfigurationNode Node { get; } = node;

    public bool Boolean(string name, bool fallback) => Scalar(name, fallback, ValueParser.TryBoolean, ValueParser.BooleanFix);

    public int Integer(string name, int fallback) => Scalar(name, fallback, ValueParser.TryInteger, ValueParser.IntegerFix);

    public double Number(string name, double fallback) => Scalar(name, fallback, ValueParser.TryNumber, ValueParser.NumberFix);

    public long Bytes(string name, long fallback) => Scalar(name, fallback, ValueParser.TryBytes, ValueParser.BytesFix);

    public TimeSpan Duration(string name, TimeSpan fallback) => Scalar(name, fallback, ValueParser.TryDuration, ValueParser.DurationFix);

    public int? OptionalInteger(string name) => Optional<int>(name, ValueParser.TryInteger, ValueParser.IntegerFix);

    public double? OptionalNumber(string name) => Optional<double>(name, ValueParser.TryNumber, ValueParser.NumberFix);

    public long? OptionalBytes(string name) => Optional<long>(name, ValueParser.TryBytes, ValueParser.BytesFix);

    public TimeSpan? OptionalDuration(string name) => Optional<TimeSpan>(name, ValueParser.TryDuration, ValueParser.DurationFix);

    public decimal Money(string name)
    {
        if (Text(name) is not null)
        {
            return Scalar(name, 0m, ValueParser.TryMoney, ValueParser.NumberFix);
        }

        problems.Add(new(Node.Child(name).Path, null, "is missing; write the price in USD per million tokens."));
        return 0;
    }

    /// <summary>Text, trimmed; null where it is missing, null or empty.</summary>
    public string? Text(string name)
    {
        scalars.Add(name);
        return Node.Child(name).Text();
    }

    /// <summary>A regular expression: blanks at its ends belong to it.</summary>
    public string? Expression(string name)
    {
        scalars.Add(name);
        return Node.Child(name).TryGet(out var value) && value is { Length: > 0 } ? value : null;
    }

    public string Text(string name, string fallback) => Text(name) ?? fallback;

    /// <summary>One of a few words, or an address that can be switched off by a word.</summary>
    public string? TextOrOff(string name) => Text(name) is { } text && !IsOff(text) ? text : null;

    /// <summary>A word in the spelling that the program uses. Words that it does not know are left to the validator.</summary>
    public string Word(string name, string fallback) => Text(name)?.ToLowerInvariant() ?? fallback;

    /// <summary>Names; one string may hold several, separated by commas.</summary>
    public IReadOnlyList<string> Names(string name, IReadOnlyList<string> fallback) => List(name, fallback, text => text.Split(',', StringSplitOptions.TrimEntries));

    /// <summary>Whole numbers; one string may hold several, separated by commas.</summary>
    public IReadOnlyList<int> Integers(string name, IReadOnlyList<int> fallback)
    {
        others.Add(name);
        if (Node.Child(name).Highest() is null)
        {
            return fallback;
        }

        var values = new List<int>();
        foreach (var text in Names(name, []))
        {
            if (ValueParser.TryInteger(text, out var value))
            {
                values.Add(value);
            }
            else
            {
                problems.Add(new(Node.Child(name).Origin, text, ValueParser.IntegerFix));
            }
        }

        return values;
    }

    /// <summary>Regular expressions: commas and blanks belong to them, so one string is one entry.</summary>
    public IReadOnlyList<string> Expressions(string name) => List(name, [], text => [text]);

    /// <summary>A list of objects, from the highest source that has it.</summary>
    public IReadOnlyList<T> Items<T>(string name, Func<SectionReader, T> read)
    {
        others.Add(name);
        if (Node.Child(name).Highest() is not { } list)
        {
            return [];
        }

        if (list.Text() is not null)
        {
            problems.Add(new(list.Origin, null, "is a list of objects: [ { … } ]."));
        }

        return [.. list.ChildNames().Select(item => Read(list.Child(item), read))];
    }

    /// <summary>Objects by name; sources are laid over each other, name by name and key by key.</summary>
    public IReadOnlyDictionary<string, T> Map<T>(string name, Func<SectionReader, T> read)
    {
        others.Add(name);
        var map = Node.Child(name);
        var values = new Dictionary<string, T>(StringComparer.OrdinalIgnoreCase);
        foreach (var key in map.ChildNames())
        {
            values[key] = Read(map.Child(key), read);
        }

        return values;
    }

    /// <summary>Regular expressions by name; null or nothing in a higher source removes an entry of a lower one.</summary>
    public IReadOnlyDictionary<string, string> ExpressionMap(string name)
    {
        others.Add(name);
        var map = Node.Child(name);
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var key in map.ChildNames())
        {
            if (map.Child(key).TryGet(out var value) && value is { Length: > 0 })
            {
                values[key] = value;
            }
        }

        return values;
    }

    public T Section<T>(string name, Func<SectionReader, T> read)
    {
        others.Add(name);
        var section = Node.Child(name);
        if (section.Text() is not null)
        {
            problems.Add(new(section.Origin, null, "is a section with settings of its own: { … }."));
        }

        return Read(section, read);
    }

    /// <summary>A section that may also be one value; the caller reads it and calls <see cref="ReportUnknown"/>.</summary>
    public SectionReader At(string name)
    {
        others.Add(name);
        return new SectionReader(Node.Child(name), problems);
    }

    /// <summary>The same section without some sources; shares what is known.</summary>
    public SectionReader From(ConfigurationNode other) => new(other, problems);

    public void Complain(ConfigurationNode at, string? value, string fix) => problems.Add(new(at.Origin, value, fix));

    /// <summary>Reports every key that nobody asked for. Values are not shown: a misspelt key may hold a secret.</summary>
    public void ReportUnknown()
    {
        foreach (var name in Node.ChildNames())
        {
            if (scalars.Contains(name))
            {
                if (Node.Child(name).IsOnlyParent())
                {
                    problems.Add(new(Node.Child(name).Path, null, "holds one value, not a list or section."));
                }
            }
            else if (!others.Contains(name))
            {
                problems.Add(new(Node.Child(name).Path, null, "is no setting; " + Suggestion.For(name, [.. scalars, .. others])));
            }
        }
    }

    private static bool IsOff(string text) => text.ToUpperInvariant() is "OFF" or "NONE" or "NEVER";

    private T Read<T>(ConfigurationNode at, Func<SectionReader, T> read)
    {
        var reader = new SectionReader(at, problems);
        var value = read(reader);
        reader.ReportUnknown();
        return value;
    }

    private IReadOnlyList<string> List(string name, IReadOnlyList<string> fallback, Func<string, string[]> split)
    {
        others.Add(name);
        if (Node.Child(name).Highest() is not { } list)
        {
            return fallback;
        }

        var items = list.ChildNames();
        if (list.TryGet(out var text) && !string.IsNullOrWhiteSpace(text))
        {
            if (items.Count > 0)
            {
                problems.Add(new(list.Origin, text, "is given as one string and by index in the same source; keep one of them."));
            }

            return [.. split(text).Where(entry => entry.Length > 0)];
        }

        var entries = new List<string>(items.Count);
        foreach (var item in items.Select(list.Child))
        {
            if (!item.TryGet(out var entry) || item.ChildNames().Count > 0)
            {
                problems.Add(new(item.Path, null, "is an entry of a list of texts: write one text."));
            }
            else if (!string.IsNullOrWhiteSpace(entry))
            {
                entries.AddRange(split(entry).Where(part => part.Length > 0));
            }
        }

        return entries;
    }

    private T Scalar<T>(string name, T fallback, Parse<T> parse, string fix)
    {
        scalars.Add(name);
        var setting = Node.Child(name);
        if (!setting.TryGet(out var text) || text?.Trim() is not { } trimmed)
        {
            return fallback;
        }

        if (parse(trimmed, out var value))
        {
            return value;
        }

        problems.Add(new(setting.Origin, trimmed, fix + Explanation(fallback, trimmed)));
        return fallback;
    }

    private T? Optional<T>(string name, Parse<T> parse, string fix)
        where T : struct
    {
        scalars.Add(name);
        var setting = Node.Child(name);
        if (setting.Text() is not { } text || IsOff(text))
        {
            return null;
        }

        if (parse(text, out var value))
        {
            return value;
        }

        problems.Add(new(setting.Origin, text, fix + Explanation(default(T), text)));
        return null;
    }

    private static string Explanation<T>(T type, string text) => type is TimeSpan && double.TryParse(text, CultureInfo.InvariantCulture, out _)
        ? $" A bare number is not taken, as it could be seconds or days: {text}s is seconds."
        : "";
}
