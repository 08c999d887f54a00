using System.Text;

namespace LlmProxy.Benchmarks;

/// <summary>A table for a terminal: the first column to the left, figures to the right.</summary>
internal sealed class Table(params string[] columns)
{
    private readonly List<string[]> _rows = [];

    public void Add(params string[] cells) => _rows.Add(cells);

    public override string ToString()
    {
        var widths = columns.Select((c, i) => _rows.Select(r => r[i].Length).Append(c.Length).Max()).ToArray();
        var text = new StringBuilder();
        Write(columns);
        Write([.. widths.Select(w => new string('-', w))]);
        foreach (var row in _rows)
        {
            Write(row);
        }

        return text.ToString();

        void Write(string[] cells)
        {
            for (var i = 0; i < cells.Length; i++)
            {
                text.Append(i == 0 ? cells[i].PadRight(widths[i]) : "  " + cells[i].PadLeft(widths[i]));
            }

            text.AppendLine();
        }
    }
}

/// <summary>Figures of samples.</summary>
internal static class Samples
{
    /// <summary>The value below which a share of the samples lies; NaN for none.</summary>
    public static double Quantile(this IReadOnlyCollection<double> samples, double share)
    {
        if (samples.Count == 0)
        {
            return double.NaN;
        }

        var ordered = samples.Order().ToArray();
        return ordered[Math.Clamp((int)Math.Ceiling(share * ordered.Length) - 1, 0, ordered.Length - 1)];
    }

    /// <summary>A figure with as many digits as say something; a dash where there is none.</summary>
    public static string Show(this double value, int digits) =>
        double.IsFinite(value) ? value.ToString("F" + digits, System.Globalization.CultureInfo.InvariantCulture) : "-";
}
