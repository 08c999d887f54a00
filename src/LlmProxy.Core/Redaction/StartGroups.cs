using System.Runtime.CompilerServices;

namespace LlmProxy.Core.Redaction;

/// <summary>
/// Puts triples of characters into eight groups so that few other triples pass: one passes if two of its characters and the
/// third one belong to the same group.
/// </summary>
internal sealed class StartGroups
{
    private const int Count = 8;
    private const uint Places = 0x00FF_00FF;

    private readonly HashSet<(int First, int Second, int Third)> _triples = [];

    /// <summary>Adds three folded characters.</summary>
    public void Add((int First, int Second, int Third) triple) => _triples.Add(triple);

    /// <summary>The groups that a pair and the pair after it have in common; 0 if no triple can begin in the first pair.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Common(uint pair, uint next) => pair & (next >> Count) & Places;

    /// <summary>Writes the groups of each pair: the first two of a triple, its third and any, any and its first, the last two.</summary>
    public void Write(uint[] pairs, int characterBits)
    {
        // The most frequent ones first, each where it lets the fewest others pass.
        var groups = Enumerable.Range(0, Count).Select(_ => new Group()).ToArray();
        foreach (var triple in _triples.OrderByDescending(t => Weight(t.First) * Weight(t.Second) * Weight(t.Third)).ThenBy(t => t))
        {
            groups.MinBy(group => group.CostWith(triple) - group.Cost)!.Add(triple);
        }

        for (var group = 0; group < Count; group++)
        {
            foreach (var (first, second, third) in groups[group].Triples)
            {
                pairs[first | (second << characterBits)] |= 1u << group;
                pairs[second | (third << characterBits)] |= 1u << (group + (3 * Count));
                for (var any = 0; any < 1 << characterBits; any++)
                {
                    pairs[third | (any << characterBits)] |= 1u << (group + Count);
                    pairs[any | (first << characterBits)] |= 1u << (group + (2 * Count));
                }
            }
        }
    }

    /// <summary>About how frequent a folded character is in texts.</summary>
    private static double Weight(int folded)
    {
        var rank = StartTable.ByFrequency.IndexOf((char)(folded | ' '), StringComparison.Ordinal);
        return folded == 0 ? 0.1 : rank >= 0 && folded >= 'A' ? 0.1 * Math.Pow(0.9, rank) : 0.01;
    }

    private sealed class Group
    {
        private readonly HashSet<(int, int)> _firstTwo = [];
        private readonly HashSet<(int, int)> _lastTwo = [];
        private readonly HashSet<int> _firsts = [];
        private readonly HashSet<int> _thirds = [];
        private double _firstTwoWeight;
        private double _lastTwoWeight;
        private double _firstsWeight;
        private double _thirdsWeight;

        public List<(int First, int Second, int Third)> Triples { get; } = [];

        public double Cost => (_firstTwoWeight * _thirdsWeight) + (_firstsWeight * _lastTwoWeight);

        public double CostWith((int First, int Second, int Third) triple)
        {
            var (firstTwo, third, first, lastTwo) = Added(triple);
            return ((_firstTwoWeight + firstTwo) * (_thirdsWeight + third)) + ((_firstsWeight + first) * (_lastTwoWeight + lastTwo));
        }

        public void Add((int First, int Second, int Third) triple)
        {
            var (firstTwo, third, first, lastTwo) = Added(triple);
            _firstTwoWeight += firstTwo;
            _thirdsWeight += third;
            _firstsWeight += first;
            _lastTwoWeight += lastTwo;
            _firstTwo.Add((triple.First, triple.Second));
            _lastTwo.Add((triple.Second, triple.Third));
            _firsts.Add(triple.First);
            _thirds.Add(triple.Third);
            Triples.Add(triple);
        }

        private (double FirstTwo, double Third, double First, double LastTwo) Added((int First, int Second, int Third) triple) =>
            (_firstTwo.Contains((triple.First, triple.Second)) ? 0 : Weight(triple.First) * Weight(triple.Second),
             _thirds.Contains(triple.Third) ? 0 : Weight(triple.Third),
             _firsts.Contains(triple.First) ? 0 : Weight(triple.First),
             _lastTwo.Contains((triple.Second, triple.Third)) ? 0 : Weight(triple.Second) * Weight(triple.Third));
    }
}
