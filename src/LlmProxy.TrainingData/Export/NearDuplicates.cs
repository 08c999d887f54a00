using System.Numerics;
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

    // Below this many word groups a fingerprint says little: such lines must be equal.
    private const int FewestGroups = 48;
    private const int MostBits = 3;

    private readonly HashSet<UInt128> _equal = [];
    private readonly Dictionary<(int Band, ushort Bits), List<ulong>> _bands = [];

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

        if (words.Count - 2 < FewestGroups)
        {
            return false;
        }

        var print = Fingerprint(words);
        var lists = new List<List<ulong>>(4);
        for (var band = 0; band < 4; band++)
        {
            var key = (band, (ushort)(print >> (16 * band)));
            lists.Add(_bands.TryGetValue(key, out var list) ? list : _bands[key] = []);
        }

        // Two fingerprints that differ in three bits agree in one of four bands.
        if (lists.Exists(l => l.Exists(other => BitOperations.PopCount(other ^ print) <= MostBits)))
        {
            return true;
        }

        lists.ForEach(l => l.Add(print));
        return false;
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

    private static ulong Fingerprint(List<string> words)
    {
        Span<int> weights = stackalloc int[64];
        for (var i = 0; i + 2 < words.Count; i++)
        {
            var hash = System.IO.Hashing.XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{words[i]} {words[i + 1]} {words[i + 2]}"));
            for (var bit = 0; bit < 64; bit++)
            {
                weights[bit] += (hash >> bit & 1) == 1 ? 1 : -1;
            }
        }

        var print = 0UL;
        for (var bit = 0; bit < 64; bit++)
        {
            print |= weights[bit] > 0 ? 1UL << bit : 0;
        }

        return print;
    }
}
