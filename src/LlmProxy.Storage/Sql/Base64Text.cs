using System.Buffers;
using System.Buffers.Text;

namespace LlmProxy.Storage.Sql;

/// <summary>How a value that was cut out of a message is written there.</summary>
[Flags]
internal enum ValueForm
{
    /// <summary>A text, as it is between its quotes.</summary>
    Text = 0,

    /// <summary>A file in base64 with padding (RFC 4648, section 4).</summary>
    Base64 = 1,

    /// <summary>In the alphabet for URLs and file names (RFC 4648, section 5), with padding: Google's client for Python writes it.</summary>
    UrlAlphabet = 2,

    /// <summary>With each slash as <c>\/</c>, as PHP writes JSON.</summary>
    EscapedSlash = 4,

    /// <summary>With each plus as <c>\u002B</c>, as .NET writes JSON.</summary>
    EscapedPlus = 8,
}

/// <summary>Files as they are in JSON, in base64.</summary>
internal static class Base64Text
{
    private static readonly SearchValues<byte> UrlOnly = SearchValues.Create("-_"u8);

    private static ReadOnlySpan<byte> Slash => @"\/"u8;

    private static ReadOnlySpan<byte> Plus => @"\u002B"u8;

    /// <summary>The file that a text represents; false where it is no base64, or not written in a form that <see cref="Write"/> writes.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, out byte[] file, out ValueForm form)
    {
        form = ValueForm.Base64;
        file = [];
        var digits = text;
        if (text.Contains((byte)'\\'))
        {
            form |= (text.IndexOf(Slash) >= 0 ? ValueForm.EscapedSlash : ValueForm.Text) | (text.IndexOf(Plus) >= 0 ? ValueForm.EscapedPlus : ValueForm.Text);
            if (form == ValueForm.Base64)
            {
                return false;
            }

            digits = Replace(Replace(text, Slash, "/"u8), Plus, "+"u8);
        }
        else if (text.ContainsAny(UrlOnly))
        {
            form |= ValueForm.UrlAlphabet;
            var standard = text.ToArray();
            standard.AsSpan().Replace((byte)'-', (byte)'+');
            standard.AsSpan().Replace((byte)'_', (byte)'/');
            digits = standard;
        }

        if (digits.Length == 0 || digits.Length % 4 != 0)
        {
            return false;
        }

        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(digits.Length)];
        if (Base64.DecodeFromUtf8(digits, bytes, out var consumed, out var written) != OperationStatus.Done || consumed != digits.Length)
        {
            return false;
        }

        // Blanks, stray bits at the end, an escaped plus together with a plain one: such a text stays a text.
        file = bytes.Length == written ? bytes : bytes[..written];
        return Write(file, form).Span.SequenceEqual(text);
    }

    /// <summary>A value as it stood in its message.</summary>
    public static ReadOnlyMemory<byte> Write(ReadOnlyMemory<byte> value, ValueForm form)
    {
        if (form == ValueForm.Text)
        {
            return value;
        }

        var text = new byte[Base64.GetMaxEncodedToUtf8Length(value.Length)];
        Base64.EncodeToUtf8(value.Span, text, out _, out _);
        if (form.HasFlag(ValueForm.UrlAlphabet))
        {
            text.AsSpan().Replace((byte)'+', (byte)'-');
            text.AsSpan().Replace((byte)'/', (byte)'_');
        }

        text = form.HasFlag(ValueForm.EscapedSlash) ? Replace(text, "/"u8, Slash) : text;
        return form.HasFlag(ValueForm.EscapedPlus) ? Replace(text, "+"u8, Plus) : text;
    }

    private static byte[] Replace(ReadOnlySpan<byte> text, ReadOnlySpan<byte> old, ReadOnlySpan<byte> replacement)
    {
        var result = new ArrayBufferWriter<byte>(text.Length);
        while (text.IndexOf(old) is >= 0 and var at)
        {
            result.Write(text[..at]);
            result.Write(replacement);
            text = text[(at + old.Length)..];
        }

        result.Write(text);
        return result.WrittenSpan.ToArray();
    }
}
