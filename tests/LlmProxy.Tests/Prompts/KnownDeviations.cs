namespace LlmProxy.Tests.Prompts;

/// <summary>Cases in which this implementation deliberately differs, with the reason.</summary>
internal static class KnownDeviations
{
    private const string Culture =
        "Rendering depends on no culture. A culture that a template names is an error; a culture of the context does not exist.";

    private const string TypeName =
        "The recorded text is the name of a .NET type; a list or a function in an interpolated string is written as anywhere else.";

    private const string Capture =
        "A capture stores a string and not an output buffer, so that it has a size, a type and operators like any other text.";

    public static readonly Dictionary<string, string> ById = new(StringComparer.Ordinal)
    {
        ["c-builtin-date-032"] = Culture,
        ["c-culture-002"] = Culture,
        ["c-culture-003"] = Culture,
        ["c-culture-004"] = Culture,
        ["up-doc-date.to_string-1"] = Culture,
        ["c-literal-interpolated-017"] = TypeName,
        ["c-literal-interpolated-018"] = TypeName,
        ["c-literal-interpolated-036"] = TypeName,
        ["c-syntax-probe-108"] = Capture,
    };
}
