using System.Text;

namespace LlmProxy.Core.Recording;

/// <summary>Reads a run's steps with their texts back from the store.</summary>
public sealed class TrajectoryReader(ITrajectoryStore store)
{
    /// <summary>The steps of a run in order; empty where its content is not kept.</summary>
    public async Task<IReadOnlyList<StepView>> ReadAsync(string trajectoryId, CancellationToken cancellationToken)
    {
        return await ReadAsync(await store.ReadStepsAsync(trajectoryId, cancellationToken), cancellationToken);
    }

    /// <summary>Some steps of a run, with the texts of these alone: a page of a long run.</summary>
    /// <param name="trajectoryId">The run.</param>
    /// <param name="first">Number of the first step.</param>
    /// <param name="count">How many steps at most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<IReadOnlyList<StepView>> ReadPageAsync(string trajectoryId, int first, int count, CancellationToken cancellationToken)
    {
        var steps = await store.ReadStepsAsync(trajectoryId, cancellationToken);

        // The step after the last one holds the results of its tool calls.
        var views = await ReadAsync([.. steps.Where(step => step.Index >= first).Take(count + 1)], cancellationToken);
        return views.Count > count ? [.. views.Take(count)] : views;
    }

    private async Task<IReadOnlyList<StepView>> ReadAsync(IReadOnlyList<TrajectoryStep> steps, CancellationToken cancellationToken)
    {
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
