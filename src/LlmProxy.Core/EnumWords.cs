using System.Text;

namespace LlmProxy.Core;

/// <summary>Spells the names of enum members for the wire and for logs.</summary>
internal static class EnumWords
{
    /// <summary>A member's name in lower case with hyphens: <c>TooLarge</c> gives <c>too-large</c>.</summary>
    public static string Kebab<T>(T value)
        where T : struct, Enum
    {
        var name = value.ToString();
        var text = new StringBuilder(name.Length + 4);
        foreach (var letter in name)
        {
            if (char.IsAsciiLetterUpper(letter) && text.Length > 0)
            {
                text.Append('-');
            }

            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }
}
