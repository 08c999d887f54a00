namespace LlmProxy.Core.Configuration;

/// <summary>How the text of a setting is read.</summary>
internal enum TextKind
{
    /// <summary>As it is, without surrounding blanks.</summary>
    Plain,
    /// <summary>A regular expression of .NET. Blanks and commas belong to it.</summary>
    Expression,
    /// <summary>One of <see cref="ProviderResolver.Names"/>; Bytebot's name <c>google</c> is read as <c>gemini</c>.</summary>
    Provider,
    /// <summary>An HTTP address, or <c>off</c>.</summary>
    Address,
}

/// <summary>
/// Declares what a setting's property does not state with its name, type, default and XML comment (which is its description).
/// Reader, checks, <c>proxy.schema.json</c> and <c>docs/settings.md</c> are derived from these declarations.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingAttribute : Attribute
{
    /// <summary>Allowed values, with bounds as a user writes them: <c>0..1</c>, <c>0..</c>, <c>&gt;0</c>, <c>500ms..1d</c>. Of the entries if the setting is a list.</summary>
    public string? Range { get; init; }

    /// <summary>How a text, or each text of a list, is read.</summary>
    public TextKind Kind { get; init; }

    /// <summary>The word <c>auto</c> is read as null, in place of <c>off</c>, <c>none</c> and <c>never</c>.</summary>
    public bool Auto { get; init; }

    /// <summary>Regular expression that a text has to match.</summary>
    public string? Pattern { get; init; }

    /// <summary>What to write instead of a value that is out of range or does not match; derived if null.</summary>
    public string? Fix { get; init; }

    /// <summary>The expression must run in linear time: without lookaround, atomic groups and references back.</summary>
    public bool Linear { get; init; }

    /// <summary>The setting has to be given: what to write if it is missing.</summary>
    public string? Required { get; init; }

    /// <summary>The value never appears in messages.</summary>
    public bool Secret { get; init; }

    /// <summary>A change takes effect without a restart.</summary>
    public bool Live { get; init; }

    /// <summary>The section can be written as one boolean, which sets its <c>Enabled</c>.</summary>
    public bool Switch { get; init; }
}
