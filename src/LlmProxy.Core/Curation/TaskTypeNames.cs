using System.Text.RegularExpressions;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Curation;

/// <summary>Names task types by the words that tell them from the others.</summary>
/// <remarks>
/// A word counts by the share of the type's tasks that hold it, times how rare it is among all tasks. It must be in two
/// tasks of the type, and be made of letters: ids, numbers, and what only one task says are no names. A type that was found
/// before keeps its name as long as at least half of its tasks that had a type had this one; of several types, the one with most of them.
/// </remarks>
internal sealed partial class TaskTypeNames
{
    private const int WordsInName = 3;
    private const int MostCharacters = 500;
    private const double LeastShare = 0.3;
    private const string Unnamed = "other";

    private readonly Dictionary<TypedTask, Dictionary<string, string>> _words;
    private readonly Dictionary<string, int> _documents = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken;

    private TaskTypeNames(IReadOnlyList<TypedTask> tasks, IEnumerable<string> stated)
    {
        _words = tasks.ToDictionary(t => t, t => WordsOf(t.Run.TaskDescription));
        foreach (var stem in _words.Values.SelectMany(w => w.Keys))
        {
            _documents[stem] = _documents.GetValueOrDefault(stem) + 1;
        }

        _taken = stated.ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>A name for each type, no two alike.</summary>
    public static IReadOnlyDictionary<TaskCluster, string> Name(IReadOnlyList<TaskCluster> types, IReadOnlyList<TypedTask> tasks)
    {
        var namer = new TaskTypeNames(tasks, types.Select(t => t.Stated).OfType<string>());
        var names = types.Where(t => t.Stated is not null).ToDictionary(t => t, t => t.Stated!);
        foreach (var (type, known) in types.Where(t => t.Stated is null).Select(t => (Type: t, Known: KnownName(t))).Where(t => t.Known.Count > 0).OrderByDescending(t => t.Known.Count))
        {
            if (namer._taken.Add(known.Name))
            {
                names[type] = known.Name;
            }
        }

        foreach (var type in types.Where(t => !names.ContainsKey(t)))
        {
            names[type] = namer.NewName(type);
        }

        return names;
    }

    private static (string Name, int Count) KnownName(TaskCluster type)
    {
        var known = type.Members.Select(m => m.Run).Where(r => r is { IsTaskTypeStated: false, TaskType: not null }).ToList();
        return known.GroupBy(r => r.TaskType!, StringComparer.Ordinal).Where(g => g.Count() * 2 >= known.Count)
            .Select(g => (g.Key, g.Count())).OrderByDescending(g => g.Item2).ThenBy(g => g.Key, StringComparer.Ordinal).FirstOrDefault();
    }

    private string NewName(TaskCluster type)
    {
        var telling = type.Members.SelectMany(m => _words[m]).GroupBy(w => w.Key, w => w.Value, StringComparer.Ordinal)
            .Select(g => (Stem: g.Key, Count: g.Count(), Word: g.GroupBy(w => w, StringComparer.Ordinal).OrderByDescending(w => w.Count()).ThenBy(w => w.Key, StringComparer.Ordinal).First().Key))
            .Where(w => w.Count >= 2)
            .Select(w => (w.Word, Share: (double)w.Count / type.Members.Count, Rarity: Math.Log(1 + ((double)_words.Count / _documents[w.Stem]))))
            .OrderByDescending(w => w.Share >= LeastShare).ThenByDescending(w => w.Share * w.Rarity).ThenBy(w => w.Word, StringComparer.Ordinal)
            .Select(w => w.Word).ToList();

        // As many words as it takes to be the only one of its name, but three at least.
        for (var count = Math.Min(WordsInName, telling.Count); count > 0 && count <= Math.Min(telling.Count, 2 * WordsInName); count++)
        {
            var name = string.Join(' ', telling.Take(count));
            if (_taken.Add(name))
            {
                return name;
            }
        }

        var stem = telling.Count > 0 ? string.Join(' ', telling.Take(WordsInName)) : Unnamed;
        for (var number = telling.Count > 0 ? 2 : 1; ; number++)
        {
            var name = number == 1 ? stem : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{stem} {number}");
            if (_taken.Add(name))
            {
                return name;
            }
        }
    }

    /// <summary>Stems of a text with the word that each comes from.</summary>
    private static Dictionary<string, string> WordsOf(string text)
    {
        var words = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var match in Word().EnumerateMatches(text.AsSpan(0, Math.Min(text.Length, MostCharacters))))
        {
            var word = text.Substring(match.Index, match.Length).ToLowerInvariant();
            if (LexicalText.Words(word) is [(var stem, false)])
            {
                words.TryAdd(stem, word);
            }
        }

        return words;
    }

    // No part of a word with digits or underscores in it.
    [GeneratedRegex("""(?<![\p{L}\p{N}_])\p{L}{3,24}(?![\p{L}\p{N}_])""", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Word();
}
