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

        for (var i = 0; i < views.Count; i++)
        {
            var next = i + 1 < views.Count ? views[i + 1].Messages : [];
            views[i] = views[i] with { ToolResults = ToolResultJoin.Of(views[i].Reply?.ToolCalls ?? [], [.. next.Select(m => m.Message)]) };
        }

        return views;

        static IEnumerable<ContentHash> ContentOf(TrajectoryStep step) =>
            step.Messages.Select(m => m.Content).Concat(new[] { step.SystemPrompt, step.SentSystemPrompt, step.Tools, step.Reply }.OfType<ContentHash>());

        string? Text(ContentHash? hash) => hash is { } h && content.TryGetValue(h, out var bytes) ? Encoding.UTF8.GetString(bytes.Span) : null;
    }
}
