using System.Globalization;

namespace LlmProxy.Core.Outcomes;

/// <summary>Text of the replies against that of near successes: the logarithm of the ratio. Weak alone: its direction differs between models.</summary>
internal sealed class EffortSignal : IOutcomeSignal
{
    public string Name => "effort";

    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        var lengths = facts.Near.Where(n => n.Succeeded).Take(NearSuccessSignal.Count).Select(n => n.Outline.TextLength).Where(l => l > 0).Order().ToList();
        if (lengths.Count < 3 || facts.Outline.TextLength == 0)
        {
            return null;
        }

        var median = (lengths[(lengths.Count - 1) / 2] + lengths[lengths.Count / 2]) / 2.0;
        var ratio = facts.Outline.TextLength / median;
        return (-Math.Clamp(Math.Log(ratio), -2, 2), string.Create(CultureInfo.InvariantCulture, $"Its replies are {ratio:0.0} times as long as those of near successes."));
    }
}
