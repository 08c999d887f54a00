namespace LlmProxy.Wire.Translation;

/// <summary>How much a model is to think, as a word, a number of tokens, or both.</summary>
/// <param name="Word">The word, or null.</param>
/// <param name="Budget">The tokens; -1 for as many as the model wants; null if only a word was sent.</param>
internal sealed record Effort(string? Word, long? Budget)
{
    /// <summary>No thinking.</summary>
    public static Effort Off { get; } = new("none", 0);

    /// <summary>Words from the least to the most, with the tokens that each is worth.</summary>
    private static readonly (string Word, long Budget)[] Table =
        [("none", 0), ("minimal", 1024), ("low", 4096), ("medium", 10_240), ("high", 24_576), ("xhigh", 32_768), ("max", 49_152)];

    public bool IsOff => Word == "none" || Budget == 0;

    /// <summary>The word for the target, the nearest that it takes; null if the model decides.</summary>
    public string? WordFor(IReadOnlyList<string> words, out bool isClamped)
    {
        isClamped = false;
        var word = Word ?? (Budget is null or < 0 ? null : Table.First(entry => entry.Budget >= Math.Min(Budget.Value, Table[^1].Budget)).Word);
        if (word is null || words.Contains(word) || words.Count == 0)
        {
            return word is not null && words.Count == 0 ? null : word;
        }

        isClamped = true;
        var rank = RankOf(word);
        return words.MinBy(known => (Math.Abs(RankOf(known) - rank), known == "none" ? 1 : 0, -RankOf(known)));
    }

    /// <summary>The tokens for the target; null if the model decides.</summary>
    public long? BudgetFor() => Budget ?? (Word is null ? null : Table[RankOf(Word)].Budget);

    private static int RankOf(string word)
    {
        var rank = Array.FindIndex(Table, entry => entry.Word == word);
        return rank < 0 ? 3 : rank;
    }
}
