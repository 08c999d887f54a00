using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <summary>The tools by which runs changed something, by their names. Lives for one search and remembers each name.</summary>
internal sealed partial class DecisiveTools
{
    private readonly Dictionary<string, bool> _observes = new(StringComparer.Ordinal);

    /// <summary>The different tools of a run that do more than look.</summary>
    public IReadOnlyCollection<string> Of(Trajectory run)
    {
        var tools = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tool in run.ToolsUsed)
        {
            if (!_observes.TryGetValue(tool, out var observes))
            {
                _observes.Add(tool, observes = ToolNames.IsObservation(tool));
            }

            if (!observes)
            {
                tools.Add(tool);
            }
        }

        return tools;
    }

    /// <summary>
    /// What a run turned out to be about, in words: the names of the tools that changed something. Empty where it only looked.
    /// </summary>
    public string SubjectOf(Trajectory run) => Marks().Replace(string.Join(' ', Of(run)), " ");

    /// <summary>Share of the tools of either set that both hold (Jaccard); 1 where neither changed anything.</summary>
    public static double Overlap(IReadOnlyCollection<string> a, IReadOnlyCollection<string> b)
    {
        var both = a.Count(b.Contains);
        var either = a.Count + b.Count - both;
        return either == 0 ? 1 : (double)both / either;
    }

    // "sheet_write", "sheet-write" and "sheetWrite" are two words each.
    [GeneratedRegex("""[_\-.:/]+|(?<=[a-z0-9])(?=[A-Z])""", RegexOptions.CultureInvariant, 250)]
    private static partial Regex Marks();
}
