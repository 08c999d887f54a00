using BitFaster.Caching.Lru;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// In how many runs words occur, counted up to a limit and remembered for a while. Ranking reads every run with
/// any of the words, so a search leaves out the common ones, which say the least (their inverse document frequency is
/// near zero) and cost the most.
/// </summary>
internal sealed class WordCounts
{
    /// <summary>How many runs are ranked at most, unless a single word already has more.</summary>
    private const int MostRuns = 600;

    // Of no word more is known than that it is too common.
    private const int CountUpTo = MostRuns + 1;
    private const int MaxRemembered = 20_000;
    private static readonly TimeSpan RememberedFor = TimeSpan.FromMinutes(10);

    private readonly ConcurrentLru<string, (long Count, DateTimeOffset At)> _counts = new(MaxRemembered);

    /// <summary>The rarest of some words: as many as together occur in <see cref="MostRuns"/> runs, at least one.</summary>
    public async Task<IReadOnlyList<string>> ChooseAsync(SqlSession session, IReadOnlyList<string> words, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var counted = new List<(string Word, long Count)>(words.Count);
        foreach (var word in words)
        {
            counted.Add((word, await CountAsync(session, word, now, cancellationToken)));
        }

        var chosen = new List<string>(words.Count);
        long runs = 0;
        foreach (var (word, count) in counted.Where(w => w.Count > 0).OrderBy(w => w.Count))
        {
            runs += count;
            if (chosen.Count > 0 && runs > MostRuns)
            {
                break;
            }

            chosen.Add(word);
        }

        return chosen.Count > 0 ? chosen : words;
    }

    private async Task<long> CountAsync(SqlSession session, string word, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // A word that no run held may have come since.
        if (_counts.TryGet(word, out var known) && known.Count > 0 && now - known.At < RememberedFor)
        {
            return known.Count;
        }

        var count = await session.QueryFirstAsync(session.CountRunsWith(word, CountUpTo), r => r.GetInt64(0), cancellationToken);
        _counts.AddOrUpdate(word, (count, now));
        return count;
    }
}
