namespace LlmProxy.Wire.Translation;

/// <summary>Something that a translation did not carry, or carried in another form.</summary>
/// <param name="What">The feature, as the source dialect names it: <c>top_k</c>, <c>thinking</c>, <c>citations</c>.</param>
/// <param name="Where">Where it was: <c>request</c>, <c>history</c>, <c>tools</c>, <c>reply</c>.</param>
/// <param name="Why">Why it was not carried, as a sentence.</param>
public sealed record TranslationLoss(string What, string Where, string Why);

/// <summary>Collects losses; each once.</summary>
internal sealed class LossList
{
    private readonly List<TranslationLoss> _losses = [];

    public IReadOnlyList<TranslationLoss> Losses => _losses;

    public void Add(string what, string where, string why)
    {
        if (!_losses.Exists(loss => loss.What == what && loss.Where == where))
        {
            _losses.Add(new TranslationLoss(what, where, why));
        }
    }
}
