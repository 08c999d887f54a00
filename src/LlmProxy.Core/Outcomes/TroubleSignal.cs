using System.Globalization;

namespace LlmProxy.Core.Outcomes;

/// <summary>Failed results by calls, and the same failing call again.</summary>
internal sealed class TroubleSignal : IOutcomeSignal
{
    // One failure of two calls says less than fifty of a hundred.
    private const int Smoothing = 4;

    public string Name => "trouble";

    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        var calls = facts.Outline.Calls;
        if (calls.Count == 0)
        {
            return null;
        }

        var failed = calls.Count(c => c.Result == CallResult.Failed);
        var repeated = calls.Where(c => c.Result == CallResult.Failed).GroupBy(c => c.Digest).Select(g => (Tool: g.First().Tool, Times: g.Count())).Where(g => g.Times > 1).OrderByDescending(g => g.Times).FirstOrDefault();
        var value = -(double)failed / (calls.Count + Smoothing) - (repeated.Times > 1 ? 0.1 * Math.Min(repeated.Times - 1, 3) : 0);
        var text = string.Create(CultureInfo.InvariantCulture, $"{failed} of {calls.Count} tool results are failures");
        return (value, repeated.Times > 1 ? string.Create(CultureInfo.InvariantCulture, $"{text}; {repeated.Tool} failed {repeated.Times} times with the same arguments.") : text + ".");
    }
}
