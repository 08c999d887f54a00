using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Replies;

/// <summary>What the writers of responses share.</summary>
internal static class ReplyJson
{
    /// <summary>Characters of one delta: about what providers send.</summary>
    private const int DeltaLength = 24;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Writes one object.</summary>
    public static byte[] Object(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>A text in the parts in which a stream brings it; none for an empty text. Surrogate pairs stay whole.</summary>
    public static IEnumerable<string> Deltas(string? text)
    {
        for (var at = 0; at < (text?.Length ?? 0);)
        {
            var end = Math.Min(text!.Length, at + DeltaLength);
            end += end < text.Length && char.IsHighSurrogate(text[end - 1]) ? 1 : 0;
            yield return text[at..end];
            at = end;
        }
    }

    /// <summary>Writes a member that is an object.</summary>
    public static void WriteObject(this Utf8JsonWriter json, string name, Action<Utf8JsonWriter> members)
    {
        json.WriteStartObject(name);
        members(json);
        json.WriteEndObject();
    }

    /// <summary>Writes a member with a value as sent.</summary>
    public static void WriteRaw(this Utf8JsonWriter json, string name, JsonElement value)
    {
        json.WritePropertyName(name);
        json.WriteRaw(value.Raw());
    }

    /// <summary>Writes a value as it is, in one line: an event's data must hold no line end.</summary>
    public static void WriteRaw(this Utf8JsonWriter json, ReadOnlySpan<byte> value)
    {
        if (value.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            json.WriteRawValue(value, skipInputValidation: true);
            return;
        }

        // Line ends are between values only; within a string they are escaped.
        using var line = new ByteBuffer(value.Length);
        var isText = false;
        for (var i = 0; i < value.Length; i++)
        {
            if (isText && value[i] == '\\')
            {
                line.Append(value[i++]);
            }
            else if (value[i] == '"')
            {
                isText = !isText;
            }
            else if (!isText && value[i] is (byte)'\n' or (byte)'\r' or (byte)' ' or (byte)'\t')
            {
                continue;
            }

            line.Append(value[i]);
        }

        json.WriteRawValue(line.Span, skipInputValidation: true);
    }

    /// <summary>Writes all members of an object but some.</summary>
    public static void WriteMembers(this Utf8JsonWriter json, JsonElement value, params ReadOnlySpan<string> except)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var property in value.EnumerateObject())
        {
            if (!except.Contains(property.NameText()))
            {
                json.WriteRaw(property.NameText(), property.Value);
            }
        }
    }

    /// <summary>Appends an array.</summary>
    public static void AppendArray<T>(ByteBuffer json, IEnumerable<T> items, Action<T> append)
    {
        json.Append((byte)'[');
        var separator = ""u8;
        foreach (var item in items)
        {
            json.Append(separator);
            append(item);
            separator = ","u8;
        }

        json.Append((byte)']');
    }

    /// <summary>Appends an object with other values for some of its members, and with members that it does not have.</summary>
    /// <param name="json">The buffer.</param>
    /// <param name="value">The object; anything else counts as an empty one.</param>
    /// <param name="changed">The other values as JSON, by name.</param>
    public static void AppendChanged(ByteBuffer json, JsonElement value, IReadOnlyDictionary<string, byte[]> changed)
    {
        json.Append((byte)'{');
        var names = new HashSet<string>(StringComparer.Ordinal);
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in value.EnumerateObject())
            {
                var name = Encoding.UTF8.GetString(property.Utf8Name());
                Append(name, names.Add(name) && changed.TryGetValue(name, out var other) ? other : property.Value.Raw());
            }
        }

        foreach (var (name, other) in changed)
        {
            if (!names.Contains(name))
            {
                Append(name, other);
            }
        }

        json.Append((byte)'}');

        void Append(string name, ReadOnlySpan<byte> member)
        {
            json.Append(json.Span[^1] == '{' ? ""u8 : ","u8);
            JsonText.AppendLiteral(json, name);
            json.Append((byte)':');
            json.Append(member.IsEmpty ? "null"u8 : member);
        }
    }

    /// <summary>An error as <c>type: message</c> (see <see cref="AssembledReply.Error"/>), in its two parts.</summary>
    public static (string Type, string Message) SplitError(string error) =>
        error.IndexOf(": ", StringComparison.Ordinal) is > 0 and var at ? (error[..at], error[(at + 2)..]) : ("error", error);

    /// <summary>Joins JSON fragments; every second one is a text, which becomes a literal.</summary>
    public static byte[] Join(params ReadOnlySpan<string> parts)
    {
        using var buffer = new ByteBuffer(256);
        for (var i = 0; i < parts.Length; i++)
        {
            if (i % 2 == 0)
            {
                buffer.Append(Encoding.UTF8.GetBytes(parts[i]));
            }
            else
            {
                JsonText.AppendLiteral(buffer, parts[i]);
            }
        }

        return buffer.ToArray();
    }
}
