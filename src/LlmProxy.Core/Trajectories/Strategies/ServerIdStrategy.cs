namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>The server keeps the history: the call names the answer or the conversation that it continues.</summary>
internal sealed class ServerIdStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        foreach (var (key, kind) in context.Probe.ServerKeys)
        {
            if (context.Choose(context.Entries(key, kind)) is { } found)
            {
                return found.Continue();
            }
        }

        return null;
    }
}
