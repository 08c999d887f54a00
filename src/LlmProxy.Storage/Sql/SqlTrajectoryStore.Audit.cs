using System.Data.Common;
using System.Text.Json;
using LlmProxy.Core;
using LlmProxy.Core.Stores;

namespace LlmProxy.Storage.Sql;

/// <content>The audit.</content>
public abstract partial class SqlTrajectoryStore
{
    private const string AuditColumns = "SELECT id, at, tenant, actor, action, subject, counts FROM audit";

    /// <inheritdoc />
    public Task AddAuditAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        ChangeAsync(
            "add an audit entry",
            s => s.ExecuteAsync(
                new SqlStatement("INSERT INTO audit (id, at, tenant, actor, action, subject, counts) VALUES (@id, @at, @tenant, @actor, @action, @subject, @counts) ON CONFLICT (id) DO NOTHING")
                    .With("id", entry.Id).With("at", entry.At).With("tenant", entry.Tenant).With("actor", entry.Actor)
                    .With("action", EnumWords.Snake(entry.Action)).With("subject", entry.Subject).With("counts", JsonSerializer.Serialize(entry.Counts)),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<AuditEntry>> ListAuditAsync(string tenant, int limit, string? beforeId, CancellationToken cancellationToken) =>
        QueryAsync(
            "list audit entries",
            _ => new SqlStatement(AuditColumns + " WHERE tenant = @tenant").With("tenant", tenant)
                .AppendIf(beforeId, " AND id < @before", "before")
                .Append(" ORDER BY id DESC LIMIT @limit").With("limit", limit),
            ReadAudit,
            cancellationToken);

    /// <summary>Audit entries of all tenants after one of them.</summary>
    internal Task<IReadOnlyList<AuditEntry>> ReadAuditAsync(string afterId, int limit, CancellationToken cancellationToken) =>
        QueryAsync(
            "read audit entries",
            _ => new SqlStatement(AuditColumns + " WHERE id > @after ORDER BY id LIMIT @limit").With("after", afterId).With("limit", limit),
            ReadAudit,
            cancellationToken);

    private static AuditEntry ReadAudit(SqlSession session, DbDataReader r) => new(
        r.GetString(0),
        session.ReadTime(r, 1),
        r.GetString(2),
        r.GetString(3),
        StoredWord.Parse<AuditAction>(r.GetString(4)),
        r.GetString(5),
        JsonSerializer.Deserialize<Dictionary<string, long>>(r.GetString(6)) ?? []);
}
