namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>An earlier part of the history was recorded; turns after it were not, or came back changed.</summary>
internal sealed class PartialHistoryStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context) =>
        context.Probe.AssistantChains.SkipLast(1).Reverse()
            .Select(chain => context.Choose(context.SameSession(context.Entries(chain, CorrelationKind.Chain))))
            .FirstOrDefault(found => found is not null)?.Continue();
}
