using System.Globalization;
using System.Text;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// The id of a task, as a client chooses it in the header <c>LlmProxy-Task</c>, the API, the SDK or an imported file. Any
/// id can be named in a path, a header and a log line: it has no control or invisible characters and no <c>/</c>, and is
/// none of the words that refer to other tasks.
/// </summary>
public readonly record struct TaskId
{
    /// <summary>The longest id in characters.</summary>
    public const int MaxLength = 200;

    /// <summary>Refers to the tenant's latest task.</summary>
    public const string Last = "last";

    /// <summary>Begins a reference to the latest task of a client's session.</summary>
    public const string SessionPrefix = "session:";

    /// <summary>What an id must be, for errors.</summary>
    public const string Rule = "must be 1 to 200 visible characters without / and without blanks at the ends, and neither 'last' nor 'session:…'";

    private TaskId(string value) => Value = value;

    /// <summary>The id.</summary>
    public string Value { get; }

    /// <summary>Reads an id.</summary>
    public static bool TryParse(string? text, out TaskId id)
    {
        id = default;
        if (text is not { Length: > 0 and <= MaxLength }
            || text is Last or "." or ".."
            || text.StartsWith(SessionPrefix, StringComparison.Ordinal)
            || text.AsSpan().Trim().Length != text.Length)
        {
            return false;
        }

        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsAllowed(rune))
            {
                return false;
            }
        }

        id = new TaskId(text);
        return true;
    }

    /// <summary>The id made of a text that another program chose: what is not allowed is replaced, and a text that is too long is cut.</summary>
    public static TaskId From(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (TryParse(text, out var id))
        {
            return id;
        }

        var kept = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (kept.Length + rune.Utf16SequenceLength > MaxLength)
            {
                break;
            }

            kept.Append(IsAllowed(rune) ? rune.ToString() : "-");
        }

        var made = kept.ToString().Trim();
        return TryParse(made, out id) ? id : new TaskId("task-" + made[..Math.Min(made.Length, MaxLength - "task-".Length)].Trim());
    }

    /// <inheritdoc />
    public override string ToString() => Value;

    // A lone surrogate is enumerated as U+FFFD.
    private static bool IsAllowed(Rune rune) => rune.Value is not ('/' or 0xFFFD) && Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
