using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Storage.Sqlite;

/// <summary>A vector that was set, or if there is none, a run whose vectors were removed.</summary>
internal sealed record VectorChange(VectorRow? Set, long Run);

/// <summary>
/// The matrices of vectors that were searched so far, and the number of changes that they hold. The table
/// <c>embedding_change</c> counts every transaction that changes vectors, so a search sees by one small row whether
/// another process has changed some, and reads only those.
/// </summary>
internal sealed class VectorCache : IDisposable
{
    private readonly Dictionary<(string Tenant, string Model, int Dimensions), VectorMatrix> _matrices = [];
    private long _changes = -1;

    /// <summary>Held while the matrices are brought up to date, and by a writer from its commit until its changes are in them.</summary>
    public SemaphoreSlim Gate { get; } = new(1, 1);

    /// <summary>The matrix of a model's vectors as they are now.</summary>
    public async Task<VectorMatrix> OpenAsync(SqliteSession session, string tenant, string model, int dimensions, CancellationToken cancellationToken)
    {
        var key = (tenant, model, dimensions);
        var now = await ReadCountAsync(session, cancellationToken);
        lock (_matrices)
        {
            if (now.Changes == _changes && _matrices.TryGetValue(key, out var matrix))
            {
                return matrix;
            }
        }

        await Gate.WaitAsync(cancellationToken);
        try
        {
            // One snapshot for the count and what is read by it.
            session.Run("BEGIN");
            try
            {
                return await RefreshAsync(session, key, cancellationToken);
            }
            finally
            {
                session.Run("COMMIT");
            }
        }
        finally
        {
            Gate.Release();
        }
    }

    /// <summary>Makes a committed transaction's changes in memory. The caller holds the gate.</summary>
    public void Apply(IReadOnlyList<VectorChange> changes, (long Before, long After) numbers)
    {
        lock (_matrices)
        {
            if (_changes != numbers.Before)
            {
                // Another process came in between (the next search reads both), or nothing was searched so far.
                return;
            }

            foreach (var change in changes)
            {
                Apply(change);
            }

            _changes = numbers.After;
        }
    }

    public void Dispose()
    {
        Gate.Dispose();
        foreach (var matrix in _matrices.Values)
        {
            matrix.Dispose();
        }
    }

    private async Task<VectorMatrix> RefreshAsync(SqliteSession session, (string Tenant, string Model, int Dimensions) key, CancellationToken cancellationToken)
    {
        var now = await ReadCountAsync(session, cancellationToken);
        if (now.Changes != _changes)
        {
            if (_changes < 0 || now.LastRemoval > _changes)
            {
                // Removals by another process are not announced; matrices are read anew on request. A search that still uses
                // an old matrix finishes on it, so it is left to the garbage collector.
                lock (_matrices)
                {
                    _matrices.Clear();
                    _changes = now.Changes;
                }
            }
            else
            {
                var changed = await ReadAsync(session, new SqlStatement("WHERE change > @since").With("since", _changes), cancellationToken);
                lock (_matrices)
                {
                    changed.ForEach(v => Apply(new VectorChange(v, v.Run)));
                    _changes = now.Changes;
                }
            }
        }

        lock (_matrices)
        {
            if (_matrices.TryGetValue(key, out var known))
            {
                return known;
            }
        }

        var matrix = new VectorMatrix(key.Dimensions);
        await session.QueryAsync(
            Select(new SqlStatement("WHERE tenant = @tenant AND model = @model AND dimensions = @dimensions")
                .With("tenant", key.Tenant).With("model", key.Model).With("dimensions", key.Dimensions)),
            r =>
            {
                var vector = Row(session, r);
                matrix.Set(vector.Run, vector.Embedding.Kind, vector.Embedding.Vector);
                return 0;
            },
            cancellationToken);
        lock (_matrices)
        {
            _matrices[key] = matrix;
        }

        return matrix;
    }

    private void Apply(VectorChange change)
    {
        if (change.Set is { } set)
        {
            if (_matrices.TryGetValue((set.Tenant, set.Embedding.Model, set.Dimensions), out var matrix))
            {
                matrix.Set(set.Run, set.Embedding.Kind, set.Embedding.Vector);
            }

            return;
        }

        foreach (var matrix in _matrices.Values)
        {
            matrix.Remove(change.Run);
        }
    }

    private static Task<(long Changes, long LastRemoval)> ReadCountAsync(SqliteSession session, CancellationToken cancellationToken) =>
        session.QueryFirstAsync(new SqlStatement("SELECT changes, last_removal FROM embedding_change"), r => (r.GetInt64(0), r.GetInt64(1)), cancellationToken);

    private static Task<List<VectorRow>> ReadAsync(SqliteSession session, SqlStatement where, CancellationToken cancellationToken) =>
        session.QueryAsync(Select(where), r => Row(session, r), cancellationToken);

    private static SqlStatement Select(SqlStatement where)
    {
        var statement = new SqlStatement("SELECT trajectory_row, tenant, model, kind, embedding FROM trajectory_embedding ").Append(where.Text);
        statement.Parameters.AddRange(where.Parameters);
        return statement;
    }

    private static VectorRow Row(SqliteSession session, System.Data.Common.DbDataReader r) =>
        new(r.GetInt64(0), r.GetString(1), new TrajectoryEmbedding(r.GetString(2), r.GetString(3), session.ReadVector(r, 4), ""));
}
