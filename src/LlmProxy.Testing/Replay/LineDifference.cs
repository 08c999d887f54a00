using DiffPlex;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
using DiffPlex.Renderer;

namespace LlmProxy.Testing.Replay;

/// <summary>A line of a comparison.</summary>
/// <param name="Mark"><c>+</c> for new, <c>-</c> for gone, blank for kept.</param>
/// <param name="Text">The line.</param>
public readonly record struct ComparedLine(char Mark, string Text);

/// <summary>Compares two texts line by line, with DiffPlex.</summary>
public static class LineDifference
{
    private static readonly NewLines Lines = new();

    /// <summary>All lines of both texts.</summary>
    public static IReadOnlyList<ComparedLine> Compare(string before, string after) =>
    [
        .. InlineDiffBuilder.Diff(Differ.Instance, before, after, ignoreWhiteSpace: false, ignoreCase: false, Lines).Lines
            .Select(line => new ComparedLine(line.Type switch { ChangeType.Inserted => '+', ChangeType.Deleted => '-', _ => ' ' }, line.Text)),
    ];

    /// <summary>A unified difference (GNU diffutils, "Unified Format") with three lines around each change; empty where the texts are equal.</summary>
    public static string Unified(string before, string after, string nameBefore, string nameAfter)
    {
        var difference = Differ.Instance.CreateDiffs(before, after, ignoreWhiteSpace: false, ignoreCase: false, Lines);
        return difference.DiffBlocks.Count == 0
            ? ""
            : UnidiffRenderer.Instance.Generate(difference, nameBefore, nameAfter).Replace(Environment.NewLine, "\n", StringComparison.Ordinal);
    }

    // LineChunker also splits at a carriage return, which the joined lines would then lose.
    private sealed class NewLines : IChunker
    {
        public IReadOnlyList<string> Chunk(string text) => text.Split('\n');
    }
}
