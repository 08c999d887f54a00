namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>The server keeps the history: the call names the response or the conversation that it continues.</summary>
internal sealed class ServerIdStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context) =>
        context.Probe.ServerKeys.Select(k => context.Choose(context.Entries(k.Key, k.Kind))).FirstOrDefault(found => found is not null)?.Continue();
}
