using System.Collections.Concurrent;

namespace LlmProxy.Core.Outcomes;

/// <summary>The outcome model of each tenant: the one fitted to its stated outcomes, else the shipped one.</summary>
internal sealed class OutcomeModels(IOutcomeStore store, TimeProvider time)
{
    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, (OutcomeModel Model, DateTimeOffset ReadAt)> _models = new(StringComparer.Ordinal);

    /// <summary>The model as it was last read; the shipped one before that.</summary>
    public OutcomeModel Current(string tenant) => _models.TryGetValue(tenant, out var known) ? known.Model : OutcomeModel.Shipped;

    /// <summary>The model, read again after a minute.</summary>
    public async Task<OutcomeModel> ReadAsync(string tenant, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_models.TryGetValue(tenant, out var known) && now - known.ReadAt < KeptFor && now >= known.ReadAt)
        {
            return known.Model;
        }

        var model = await store.ReadOutcomeModelAsync(tenant, cancellationToken) ?? OutcomeModel.Shipped;
        _models[tenant] = (model, now);
        return model;
    }
}
