using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Wire.Translation;

/// <summary>
/// Ids of tool calls between dialects: without state, the same in every later call, and injective. An id of another dialect is
/// wrapped into one of the reader's form and unwrapped when it comes back; one that would be too long is replaced by its hash.
/// </summary>
internal static class ToolIds
{
    private const int MaxLength = 64;
    private const int MaxChatLength = 40;

    /// <summary>The id for a target of a call in a client's history.</summary>
    public static string ToTarget(string id, DialectKind source, DialectKind target) =>
        Unwrap(id, source, target) is { } own && IsValid(own, target) && !IsReserved(own, target) ? own
        : HaveOneForm(source, target) && IsValid(id, target) && !IsReserved(id, target) ? id
        : Wrap(id, source, target);

    /// <summary>The id for a client of a call in a target's reply.</summary>
    public static string ToClient(string id, DialectKind target, DialectKind source) =>
        HaveOneForm(source, target) && IsValid(id, source) && !IsReserved(id, source) ? id : Wrap(id, target, source);

    /// <summary>An id of a dialect's form for a call that came without one.</summary>
    public static string Mint(string seed, DialectKind kind) => $"{PrefixOf(kind)}xn_{Hash(seed)}";

    private static bool HaveOneForm(DialectKind source, DialectKind target) => source == target || PrefixOf(source) == PrefixOf(target);

    private static string Wrap(string id, DialectKind from, DialectKind into)
    {
        var wrapped = new StringBuilder(PrefixOf(into)).Append('x').Append(LetterOf(from)).Append('_');
        foreach (var letter in Encoding.UTF8.GetBytes(id))
        {
            if (letter is (>= (byte)'a' and <= (byte)'z') or (>= (byte)'A' and <= (byte)'Z') or (>= (byte)'0' and <= (byte)'9') or (byte)'_')
            {
                wrapped.Append((char)letter);
            }
            else
            {
                wrapped.Append('-').Append(letter.ToString("x2", global::System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return wrapped.Length <= LimitOf(into) ? wrapped.ToString() : $"{PrefixOf(into)}xh_{Hash($"{LetterOf(from)}{id}")}";
    }

    private static string? Unwrap(string id, DialectKind from, DialectKind of)
    {
        var prefix = $"{PrefixOf(from)}x{LetterOf(of)}_";
        if (!id.StartsWith(prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var bytes = new List<byte>(id.Length);
        for (var i = prefix.Length; i < id.Length; i++)
        {
            if (id[i] != '-')
            {
                bytes.Add((byte)id[i]);
            }
            else if (i + 2 < id.Length && byte.TryParse(id.AsSpan(i + 1, 2), global::System.Globalization.NumberStyles.AllowHexSpecifier, global::System.Globalization.CultureInfo.InvariantCulture, out var value))
            {
                bytes.Add(value);
                i += 2;
            }
            else
            {
                return null;
            }
        }

        var own = Encoding.UTF8.GetString([.. bytes]);
        // Only what was wrapped so is unwrapped: else two ids could become one.
        return Wrap(own, of, from) == id ? own : null;
    }

    private static bool IsValid(string id, DialectKind kind) =>
        id.Length > 0 && id.Length <= LimitOf(kind) && id.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');

    private static bool IsReserved(string id, DialectKind kind)
    {
        var prefix = PrefixOf(kind);
        return id.Length > prefix.Length + 2 && id.StartsWith(prefix, StringComparison.Ordinal) && id[prefix.Length] == 'x' && id[prefix.Length + 2] == '_';
    }

    private static int LimitOf(DialectKind kind) => kind == DialectKind.OpenAiChat ? MaxChatLength : MaxLength;

    private static string PrefixOf(DialectKind kind) => kind switch
    {
        DialectKind.AnthropicMessages => "toolu_",
        DialectKind.Gemini => "fc_",
        _ => "call_",
    };

    private static char LetterOf(DialectKind kind) => kind switch
    {
        DialectKind.AnthropicMessages => 'a',
        DialectKind.OpenAiChat => 'c',
        DialectKind.OpenAiResponses => 'r',
        _ => 'g',
    };

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 15));
}
