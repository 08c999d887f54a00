using LlmProxy.Core.Calls;

namespace LlmProxy.Storage.Sql;

/// <content>Where conversations go after their upstream failed.</content>
public abstract partial class SqlTrajectoryStore
{
    // A conversation that is older than this begins again at its first upstream.
    private static readonly TimeSpan LongestRoute = TimeSpan.FromDays(30);

    /// <inheritdoc />
    Task<string?> ITaskRouteStore.FindRouteAsync(string tenant, string conversationId, CancellationToken cancellationToken) => ReadAsync(
        "find a route",
        s => s.QueryFirstAsync(
            new SqlStatement("SELECT route FROM task_route WHERE tenant = @tenant AND conversation_id = @conversation AND at > @oldest")
                .With("tenant", tenant).With("conversation", conversationId).With("oldest", Time.GetUtcNow() - LongestRoute),
            r => r.GetString(0),
            cancellationToken),
        cancellationToken);

    /// <inheritdoc />
    Task ITaskRouteStore.SaveRouteAsync(string tenant, string conversationId, string route, CancellationToken cancellationToken) => ChangeAsync(
        "keep a route",
        s => s.ExecuteAsync(
            [
                new SqlStatement("INSERT INTO task_route (tenant, conversation_id, route, at) VALUES (@tenant, @conversation, @route, @now) ON CONFLICT (tenant, conversation_id) DO UPDATE SET route = excluded.route, at = excluded.at")
                    .With("tenant", tenant).With("conversation", conversationId).With("route", route).With("now", Time.GetUtcNow()),
                new SqlStatement("DELETE FROM task_route WHERE at <= @oldest").With("oldest", Time.GetUtcNow() - LongestRoute),
            ],
            cancellationToken),
        cancellationToken);
}
