using System.Globalization;
using System.Text;

namespace LlmProxy.Testing.Replay;

/// <summary>A line of a comparison.</summary>
/// <param name="Mark"><c>+</c> for new, <c>-</c> for gone, blank for kept.</param>
/// <param name="Text">The line.</param>
public readonly record struct ComparedLine(char Mark, string Text);

/// <summary>Compares two texts line by line.</summary>
public static class LineDifference
{
    // Lines of a prompt are hundreds; the table of a comparison grows with their product.
    private const int LargestTable = 25_000_000;

    /// <summary>All lines of both texts, by their longest common subsequence. What begins or ends alike is kept first.</summary>
    public static IReadOnlyList<ComparedLine> Compare(string before, string after)
    {
        var old = before.Split('\n');
        var now = after.Split('\n');
        var head = 0;
        while (head < old.Length && head < now.Length && old[head] == now[head])
        {
            head++;
        }

        var tail = 0;
        while (tail < old.Length - head && tail < now.Length - head && old[^(tail + 1)] == now[^(tail + 1)])
        {
            tail++;
        }

        return
        [
            .. now[..head].Select(line => new ComparedLine(' ', line)),
            .. Middle(old[head..^tail], now[head..^tail]),
            .. now[^tail..].Select(line => new ComparedLine(' ', line)),
        ];
    }

    /// <summary>A unified difference (GNU diffutils, "Unified Format") with three lines around each change; empty where the texts are equal.</summary>
    public static string Unified(string before, string after, string nameBefore, string nameAfter)
    {
        const int Around = 3;
        var lines = Compare(before, after);
        var text = new StringBuilder();
        var at = 0;
        var (oldLine, newLine) = (1, 1);
        while (at < lines.Count)
        {
            // 1. The next change, and the lines before it.
            var change = at;
            while (change < lines.Count && lines[change].Mark == ' ')
            {
                change++;
            }

            if (change == lines.Count)
            {
                break;
            }

            var start = Math.Max(at, change - Around);
            oldLine += start - at;
            newLine += start - at;

            // 2. As far as changes are no more than twice the lines around apart.
            var end = change + 1;
            for (var i = end; i < lines.Count && i < end + (2 * Around) + 1; i++)
            {
                end = lines[i].Mark == ' ' ? end : i + 1;
            }

            end = Math.Min(lines.Count, end + Around);

            // 3. The hunk.
            var hunk = lines.Skip(start).Take(end - start).ToList();
            var (oldCount, newCount) = (hunk.Count(line => line.Mark != '+'), hunk.Count(line => line.Mark != '-'));
            if (text.Length == 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"--- {nameBefore}\n+++ {nameAfter}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"@@ -{Range(oldLine, oldCount)} +{Range(newLine, newCount)} @@\n");
            foreach (var line in hunk)
            {
                text.Append(line.Mark).Append(line.Text).Append('\n');
            }

            (oldLine, newLine, at) = (oldLine + oldCount, newLine + newCount, end);
        }

        return text.ToString();
    }

    // An empty range names the line before it.
    private static string Range(int line, int count) => count switch
    {
        0 => string.Create(CultureInfo.InvariantCulture, $"{line - 1},0"),
        1 => line.ToString(CultureInfo.InvariantCulture),
        _ => string.Create(CultureInfo.InvariantCulture, $"{line},{count}"),
    };

    private static IEnumerable<ComparedLine> Middle(string[] old, string[] now)
    {
        if ((long)old.Length * now.Length > LargestTable)
        {
            return [.. old.Select(line => new ComparedLine('-', line)), .. now.Select(line => new ComparedLine('+', line))];
        }

        // length[i, j]: the longest common subsequence of old[i..] and now[j..].
        var length = new int[old.Length + 1, now.Length + 1];
        for (var i = old.Length - 1; i >= 0; i--)
        {
            for (var j = now.Length - 1; j >= 0; j--)
            {
                length[i, j] = old[i] == now[j] ? length[i + 1, j + 1] + 1 : Math.Max(length[i + 1, j], length[i, j + 1]);
            }
        }

        var lines = new List<ComparedLine>();
        var (before, after) = (0, 0);
        while (before < old.Length || after < now.Length)
        {
            if (before < old.Length && after < now.Length && old[before] == now[after])
            {
                lines.Add(new ComparedLine(' ', now[after++]));
                before++;
            }
            else if (before < old.Length && (after == now.Length || length[before + 1, after] >= length[before, after + 1]))
            {
                lines.Add(new ComparedLine('-', old[before++]));
            }
            else
            {
                lines.Add(new ComparedLine('+', now[after++]));
            }
        }

        return lines;
    }
}
