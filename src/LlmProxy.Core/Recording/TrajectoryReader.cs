using System.Text;

namespace LlmProxy.Core.Recording;

/// <summary>Reads a run's steps with their texts back from the store.</summary>
public sealed class TrajectoryReader(ITrajectoryStore store)
{
    /// <summary>The steps of a run in order; empty where its content is not kept.</summary>
    public async Task<IReadOnlyList<StepView>> ReadAsync(string trajectoryId, CancellationToken cancellationToken)
    {
        var steps = await store.ReadStepsAsync(trajectoryId, cancellationToken);
        var hashes = new HashSet<ContentHash>();
        foreach (var step in steps)
        {
            hashes.UnionWith(ContentOf(step));
        }

        var content = await store.ReadContentAsync(hashes, cancellationToken);
        var views = new List<StepView>(steps.Count);
        foreach (var step in steps)
        {
            var dialect = DialectCatalog.Get(step.Dialect);
            var messages = step.Messages
                .Where(m => content.ContainsKey(m.Content))
                .Select(m => (dialect.ReadMessage(content[m.Content]), m.IsForeign))
                .ToList();
            views.Add(new StepView
            {
                Step = step,
                SystemPrompt = Text(step.SystemPrompt),
                SentSystemPrompt = Text(step.SentSystemPrompt),
                ToolsJson = step.Tools is { } tools && content.TryGetValue(tools, out var json) ? json : null,
                Messages = messages,
                Reply = step.Reply is { } reply && content.TryGetValue(reply, out var body) ? dialect.ReadMessage(body) : null,
                Unreadable = ContentOf(step).Count(hash => !content.ContainsKey(hash)),
            });
        }

        for (var i = 0; i + 1 < views.Count; i++)
        {
            // By call id; Gemini's results carry the function's name. A rewritten history brings older results along.
            var calls = (views[i].Reply?.ToolCalls ?? []).SelectMany(c => new[] { c.Id, c.Name }).ToHashSet(StringComparer.Ordinal);
            views[i] = views[i] with { ToolResults = [.. views[i + 1].Messages.SelectMany(m => m.Message.ToolResults).Where(r => calls.Contains(r.Id))] };
        }

        return views;

        static IEnumerable<ContentHash> ContentOf(TrajectoryStep step) =>
            step.Messages.Select(m => m.Content).Concat(new[] { step.SystemPrompt, step.SentSystemPrompt, step.Tools, step.Reply }.OfType<ContentHash>());

        string? Text(ContentHash? hash) => hash is { } h && content.TryGetValue(h, out var bytes) ? Encoding.UTF8.GetString(bytes.Span) : null;
    }
}
