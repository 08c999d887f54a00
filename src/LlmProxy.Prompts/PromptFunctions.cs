namespace LlmProxy.Prompts;

/// <summary>A function that a template may call, as the checker knows it.</summary>
/// <param name="Name">The name with its group: <c>string.upcase</c>.</param>
/// <param name="Parameters">The names of the parameters, without the one that takes all further arguments.</param>
/// <param name="Required">How many of them must be given.</param>
/// <param name="IsVariadic">Whether any number of further arguments may follow.</param>
public sealed record PromptFunction(string Name, IReadOnlyList<string> Parameters, int Required, bool IsVariadic);

/// <summary>
/// The built-in functions of templates: those of Scriban that were reviewed. The compiler checks templates by this
/// table alone, since Scriban's own functions refer to libraries that a compiler may lack.
/// </summary>
public static class PromptFunctions
{
    /// <summary>By group: name, parameters, optional ones in brackets; <c>=</c> is a value.</summary>
    private const string Table = """
        array
          add list value; add_range list1 list2; any list function args...; compact list; concat list1 list2; contains list item; cycle list [group]; each list function;
          filter list function; first list; insert_at list index value; join list delimiter [function]; last list; limit list count; map list member; offset list index;
          remove_at list index; reverse list; size list; sort list [member]; uniq list;
        date
          now; utc_now; add_days date days; add_months date months; add_years date years; add_hours date hours; add_minutes date minutes; add_seconds date seconds;
          add_milliseconds date millis; parse text [pattern] [culture]; parse_to_string text [output_pattern] [output_culture] [input_pattern] [input_culture];
          to_string date pattern [culture]; default_format =; format =;
        html
          strip text; escape text; url_encode text; url_escape text; newline_to_br text;
        math
          abs value; ceil value; divided_by value divisor; floor value; format value format [culture]; is_number value; minus value with; modulo value with;
          plus value with; round value [precision]; times value with; uuid; random minValue maxValue;
        object
          default value default; eval value; eval_template value; format value format [culture]; has_key value key; has_value value key; keys value; size value;
          values value; typeof value; kind value; to_json value; from_json json;
        regex
          escape pattern; match text pattern [options]; matches text pattern [options]; replace text pattern replace [options]; split text pattern [options];
          unescape pattern;
        string
          escape text; append text with; capitalize text; capitalizewords text; contains text value; empty text; whitespace text; downcase text; ends_with text value;
          equals_ignore_case text value; handleize text; literal text; lstrip text; pluralize number singular plural; prepend text by; remove text remove;
          remove_first text remove; remove_last text remove; replace text match replace; replace_first text match replace [fromEnd]; rstrip text; size text;
          slice text start [length]; slice1 text start [length]; split text match; starts_with text value; strip text; strip_newlines text; to_int text; to_long text;
          to_float text; to_double text; truncate text length [ellipsis]; truncatewords text count [ellipsis]; upcase text; md5 text; sha1 text; sha256 text; sha512 text;
          hmac_sha1 text secretKey; hmac_sha256 text secretKey; hmac_sha512 text secretKey; pad_left text width; pad_right text width; base64_encode text;
          base64_decode text; index_of text search [startIndex] [count] [stringComparison];
        timespan
          from_days days; from_hours hours; from_minutes minutes; from_seconds seconds; from_milliseconds millis; parse text; zero =;
        """;

    /// <summary>Functions that give another value in every call. Calling one fails.</summary>
    public static IReadOnlyCollection<string> Changing { get; } = ["date.now", "date.utc_now", "math.random", "math.uuid"];

    /// <summary>Functions that run text as code. Calling one fails.</summary>
    public static IReadOnlyCollection<string> Evaluating { get; } = ["object.eval", "object.eval_template"];

    /// <summary>What can be written without a group.</summary>
    public static IReadOnlyCollection<string> Ungrouped { get; } = ["include", "include_join", "empty", "blank"];

    /// <summary>The groups by name, each with its functions by name; null is a value.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, PromptFunction?>> Groups { get; } = Read();

    private static Dictionary<string, IReadOnlyDictionary<string, PromptFunction?>> Read()
    {
        var groups = new Dictionary<string, IReadOnlyDictionary<string, PromptFunction?>>(StringComparer.Ordinal);
        var (name, members) = (string.Empty, new Dictionary<string, PromptFunction?>(StringComparer.Ordinal));
        foreach (var line in Table.Split('\n').Select(line => line.TrimEnd()))
        {
            if (line[0] != ' ')
            {
                (name, members) = (line, new Dictionary<string, PromptFunction?>(StringComparer.Ordinal));
                groups.Add(name, members);
                continue;
            }

            foreach (var entry in line.Split(';').Select(entry => entry.Trim()).Where(entry => entry.Length > 0))
            {
                var words = entry.Split(' ');
                members.Add(words[0], words.Contains("=", StringComparer.Ordinal) ? null : Parse(name + "." + words[0], words.Skip(1).ToList()));
            }
        }

        return groups;
    }

    private static PromptFunction Parse(string name, List<string> parameters)
    {
        var isVariadic = parameters.Count > 0 && parameters[parameters.Count - 1].EndsWith("...", StringComparison.Ordinal);
        var named = isVariadic ? parameters.Take(parameters.Count - 1).ToList() : parameters;
        return new PromptFunction(name, [.. named.Select(parameter => parameter.Trim('[', ']'))], named.Count(parameter => parameter[0] != '['), isVariadic);
    }
}
