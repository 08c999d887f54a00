using System.Runtime.CompilerServices;
using System.Text.Json;

namespace LlmProxy.Wire.Json;

/// <summary>Steps of a forward pass over JSON.</summary>
internal static class JsonReaderExtensions
{
    /// <summary>
    /// Moves to the next property of the object that is being read: the reader is on the first token of its value then.
    /// </summary>
    /// <param name="reader">A reader on the object's start, or on the last token of the value before.</param>
    /// <param name="name">The property's name.</param>
    /// <returns>Whether there is one; if not, the reader is on the object's end.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ReadProperty(this ref Utf8JsonReader reader, out ReadOnlySpan<byte> name)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
        {
            name = default;
            return false;
        }

        name = JsonText.Name(reader.ValueSpan);
        reader.Read();
        return true;
    }
}
