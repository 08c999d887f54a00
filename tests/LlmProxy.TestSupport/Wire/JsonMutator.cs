using System.Globalization;
using System.Text;

namespace LlmProxy.Tests.Wire;

/// <summary>Breaks JSON texts; the same seed breaks them in the same way.</summary>
internal sealed class JsonMutator(int seed)
{
    private const int DeepLevels = 10_000;

    private static readonly byte[][] Pieces =
    [
        [0xFF, 0xFE], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x80], [0xEF, 0xBB, 0xBF], [0x00],
        [.. "\"\\ud800\""u8], [.. "\\u0000"u8], [.. "\\x"u8], [.. "null"u8], [.. "true"u8], [.. "[]"u8], [.. "{}"u8], [.. "\"\""u8], [.. ":"u8], [.. ","u8], [.. "}"u8], [.. "]"u8], [.. "/*c*/"u8],
    ];

    private static readonly string[] Numbers = ["1e999999", "-1e-999999", "9" + new string('9', 5_000), "0." + new string('1', 5_000), "-0", "00", "1.", "1E+", "NaN", "-Infinity", "18446744073709551616", "1e5"];

    // Half a surrogate pair: JSON in its grammar, no text.
    private static readonly byte[] OddMember = [.. "\"\\udc00\":\"\\ud800\","u8];

    private readonly Random _random = new(seed);
    private readonly int[] _counts = new int[8];

    /// <summary>How often each way was taken.</summary>
    public string Kinds => string.Join(", ", new[] { "bit flips", "cuts", "copies of a range", "doubled keys", "odd numbers", "deep values", "odd bytes", "swapped values" }.Select((name, i) => string.Create(CultureInfo.InvariantCulture, $"{_counts[i]} {name}")));

    public byte[] Mutate(byte[] body)
    {
        var bytes = body.ToList();
        for (var times = _random.Next(1, 4); times > 0 && bytes.Count > 4; times--)
        {
            // Deep nesting is dear, so it is taken seldom.
            var way = _random.Next(7);
            way = _random.Next(600) == 0 ? 5 : way < 5 ? way : way + 1;
            if (way == 5 && bytes.Count > 8 * body.Length + DeepLevels)
            {
                way = 0;
            }

            _counts[way]++;
            Apply(way, bytes);
        }

        return [.. bytes];
    }

    private void Apply(int way, List<byte> bytes)
    {
        var at = _random.Next(bytes.Count);
        switch (way)
        {
            case 0:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1:
                // At the end, or out of the middle.
                bytes.RemoveRange(at, _random.Next(2) == 0 ? bytes.Count - at : Math.Min(_random.Next(1, 30), bytes.Count - at));
                break;
            case 2:
                bytes.InsertRange(_random.Next(bytes.Count), bytes.GetRange(at, Math.Min(_random.Next(1, 200), bytes.Count - at)));
                break;
            case 3:
                DoubleKey(bytes);
                break;
            case 4:
                ReplaceValue(bytes, Encoding.ASCII.GetBytes(Numbers[_random.Next(Numbers.Length)]));
                break;
            case 5:
                ReplaceValue(bytes, Deep());
                break;
            case 6:
                bytes.InsertRange(at, Pieces[_random.Next(Pieces.Length)]);
                break;
            default:
                ReplaceValue(bytes, Pieces[_random.Next(7, 15)]);
                break;
        }
    }

    private byte[] Deep()
    {
        var levels = _random.Next(1, DeepLevels + 1);
        return Encoding.ASCII.GetBytes(_random.Next(3) switch
        {
            0 => new string('[', levels) + new string(']', levels),
            1 => string.Concat(Enumerable.Repeat("{\"a\":", levels)) + "1" + new string('}', levels),
            _ => new string('[', levels),
        });
    }

    /// <summary>Writes a member of an object twice, the second time with another value now and then.</summary>
    private void DoubleKey(List<byte> bytes)
    {
        var key = Find(bytes, (list, i) => list[i] == '"' && i > 0 && list[i - 1] is (byte)'{' or (byte)',');
        if (key < 0)
        {
            return;
        }

        var end = key + 1;
        while (end < bytes.Count && bytes[end] != ':')
        {
            end++;
        }

        var name = bytes.GetRange(key, Math.Min(end + 1, bytes.Count) - key);
        bytes.InsertRange(key, _random.Next(4) == 0 ? OddMember : [.. name, .. _random.Next(2) == 0 ? "null,"u8 : "\"twice\","u8]);
    }

    /// <summary>Puts something else in place of a string or a number behind a colon.</summary>
    private void ReplaceValue(List<byte> bytes, byte[] value)
    {
        var start = Find(bytes, (list, i) => i > 0 && list[i - 1] == ':' && list[i] is (byte)'"' or >= (byte)'0' and <= (byte)'9');
        if (start < 0)
        {
            return;
        }

        var end = start + 1;
        if (bytes[start] == '"')
        {
            while (end < bytes.Count && (bytes[end] != '"' || bytes[end - 1] == '\\'))
            {
                end++;
            }

            end = Math.Min(end + 1, bytes.Count);
        }
        else
        {
            while (end < bytes.Count && bytes[end] is (>= (byte)'0' and <= (byte)'9') or (byte)'.' or (byte)'e')
            {
                end++;
            }
        }

        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, value);
    }

    private int Find(List<byte> bytes, Func<List<byte>, int, bool> matches)
    {
        var from = _random.Next(bytes.Count);
        for (var step = 0; step < bytes.Count; step++)
        {
            var i = (from + step) % bytes.Count;
            if (matches(bytes, i))
            {
                return i;
            }
        }

        return -1;
    }
}
