using System.Text;
using LlmProxy.TrainingData.Conversations;

namespace LlmProxy.TrainingData.Export;

/// <summary>
/// Examples that say the same as an earlier one but for a few words: the same task run again. Compared is what the line
/// adds: the client's message, and the replies to learn from.
/// </summary>
internal sealed class NearDuplicates
{
    // A short example is worth its repetition: it says little, and little is learned twice from it.
    private const int FewestWords = 12;

    // Below this many words a resemblance says little: such lines must be equal.
    private const int FewestToResemble = 48;
    private const int Hashes = 64;
    private const int Rows = 4;

    // Nine of ten word groups are the same.
    private const int LeastEqual = Hashes * 9 / 10;

    private readonly HashSet<UInt128> _equal = [];
    private readonly Dictionary<(int Band, ulong Rows), List<uint[]>> _bands = [];

    /// <summary>Whether an earlier line is as good as this one; if not, it is remembered.</summary>
    public bool IsKnown(Conversation conversation)
    {
        var words = Words(conversation);
        if (words.Count < FewestWords)
        {
            return false;
        }

        if (!_equal.Add(Digest(words)))
        {
            return true;
        }

        if (words.Count < FewestToResemble)
        {
            return false;
        }

        var print = Fingerprint(words);
        var lists = new List<List<uint[]>>(Hashes / Rows);
        for (var band = 0; band < Hashes / Rows; band++)
        {
            var rows = System.Runtime.InteropServices.MemoryMarshal.AsBytes(print.AsSpan(band * Rows, Rows));
            var key = (band, System.IO.Hashing.XxHash3.HashToUInt64(rows));
            lists.Add(_bands.TryGetValue(key, out var list) ? list : _bands[key] = []);
        }

        if (lists.Exists(l => l.Exists(other => Resemble(other, print))))
        {
            return true;
        }

        lists.ForEach(l => l.Add(print));
        return false;
    }

    private static bool Resemble(uint[] a, uint[] b)
    {
        var equal = 0;
        for (var i = 0; i < Hashes; i++)
        {
            equal += a[i] == b[i] ? 1 : 0;
        }

        return equal >= LeastEqual;
    }

    private static List<string> Words(Conversation conversation)
    {
        var first = Math.Max(0, conversation.Turns.FindIndex(t => t.IsTrained) - 1);
        var text = new StringBuilder();
        foreach (var turn in conversation.Turns.Skip(first).Where(t => t.IsTrained || !t.IsAssistant))
        {
            text.Append(turn.IsAssistant ? "\nreply " : "\nclient ").Append(turn.Text);
            foreach (var call in turn.Calls)
            {
                text.Append("\ncall ").Append(call.Name).Append(' ').Append(call.Arguments);
            }
        }

        return [.. text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];
    }

    private static UInt128 Digest(List<string> words) => System.IO.Hashing.XxHash128.HashToUInt128(Encoding.UTF8.GetBytes(string.Join(' ', words)));

    /// <summary>The least value of each of some hashes over all groups of three words: two texts share as many of them as they share groups.</summary>
    private static uint[] Fingerprint(List<string> words)
    {
        var print = new uint[Hashes];
        Array.Fill(print, uint.MaxValue);
        for (var i = 0; i + 2 < words.Count; i++)
        {
            var hash = System.IO.Hashing.XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{words[i]} {words[i + 1]} {words[i + 2]}"));
            for (var k = 0; k < Hashes; k++)
            {
                // Odd factors, far apart.
                var mixed = (hash ^ (hash >> 29)) * (0x9E3779B97F4A7C15UL + (0x632BE59BD9B4E019UL * 2 * (ulong)k));
                print[k] = Math.Min(print[k], (uint)(mixed >> 32));
            }
        }

        return print;
    }
}
