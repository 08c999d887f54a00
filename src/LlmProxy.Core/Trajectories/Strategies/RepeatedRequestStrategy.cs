namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>None of the history's responses was recorded, but the call itself was: it is sent again.</summary>
internal sealed class RepeatedRequestStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context) => FindTask(context, conversationId: null) is { } again ? new TaskMatch(again, TurnEnded: false) : null;

    /// <summary>The task whose latest call had this whole history, or null. If the server keeps the history, there is none.</summary>
    /// <param name="context">The call.</param>
    /// <param name="conversationId">The conversation that the task belongs to, or null for any.</param>
    public static OpenTask? FindTask(MatchContext context, string? conversationId)
    {
        if (context.Call.KeepsHistory || context.Probe.Whole == TurnKey.Empty)
        {
            return null;
        }

        var latest = context.SameSession(context.Entries(context.Probe.Whole, CorrelationKind.Request))
            .FindAll(e => context.TaskOf(e) is { } task && task.LastStep == e.StepIndex && (conversationId is null || task.ConversationId == conversationId));
        return context.Choose(latest)?.Task;
    }
}
