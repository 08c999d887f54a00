using System.Data.Common;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>One connection of a store, and what the two databases write differently.</summary>
internal abstract class SqlSession
{
    /// <summary>A column's value as a vector is read through this expression.</summary>
    public abstract string VectorColumn { get; }

    /// <summary>A condition on runs <c>t</c> that hold the words of <c>@words</c> in their task description.</summary>
    public abstract string WordsCondition { get; }

    /// <summary>The condition that the column before it has one of a parameter's strings or numbers.</summary>
    public abstract string Any(string parameter);

    /// <summary>
    /// The condition that runs of some ids or rows belong to <c>@tenant</c>. It is one more check of the few rows that are
    /// found by those, and no way to find rows: a tenant has most of them.
    /// </summary>
    public virtual string IsTenant(string column) => $"{column} = @tenant";

    /// <summary>The end of a subquery whose rows are locked, those that others hold left out; empty if there is one writer.</summary>
    public virtual string SkipLocked => "";

    /// <summary>As <see cref="Any"/> for byte strings.</summary>
    public abstract string AnyBytes(string parameter);

    /// <summary>The strings of a column that holds a JSON array of them, as a table with the column <c>value</c>.</summary>
    public abstract string ElementsOf(string column);

    /// <summary>The value of <c>@words</c> in <see cref="WordsCondition"/>: every word, each as a prefix.</summary>
    public abstract string AllWords(IReadOnlyList<string> words);

    /// <summary>The day (UTC) that a time lies in, as an expression to group by.</summary>
    public abstract string Day(string column);

    /// <summary>Reads a value of <see cref="Day"/>.</summary>
    public abstract DateOnly ReadDay(DbDataReader reader, int column);

    /// <summary>Says that the next query has more groups than the database would expect, so that it does not sort all rows on the disk.</summary>
    public abstract Task AllowManyGroupsAsync(CancellationToken cancellationToken);

    public abstract DateTimeOffset ReadTime(DbDataReader reader, int column);

    public abstract float[] ReadVector(DbDataReader reader, int column);

    /// <summary>Runs statements in order, in one round trip where the database can.</summary>
    public abstract Task ExecuteAsync(IReadOnlyList<SqlStatement> statements, CancellationToken cancellationToken);

    /// <summary>Runs statements in order and returns the number that each returned, or null where it returned no row.</summary>
    public abstract Task<IReadOnlyList<long?>> ExecuteReturningAsync(IReadOnlyList<SqlStatement> statements, CancellationToken cancellationToken);

    /// <summary>All rows of a query.</summary>
    public abstract Task<List<T>> QueryAsync<T>(SqlStatement statement, Func<DbDataReader, T> read, CancellationToken cancellationToken);

    /// <summary>The number of runs that hold a word, counted up to a limit, as a query with one value.</summary>
    public abstract SqlStatement CountRunsWith(string word, int limit);

    /// <summary>Puts a run's texts into the full-text index, in place of what is there.</summary>
    public abstract SqlStatement IndexText(long run, IReadOnlyList<string> taskWords, IReadOnlyList<string> otherWords);

    /// <summary>Stores vectors, in place of those with the same run, model, dimension and kind.</summary>
    public abstract Task SaveVectorsAsync(IReadOnlyList<VectorRow> vectors, CancellationToken cancellationToken);

    /// <summary>Removes all vectors of some runs.</summary>
    public abstract Task RemoveVectorsAsync(IReadOnlyCollection<long> runs, CancellationToken cancellationToken);

    /// <summary>Removes those vectors of some runs that further conditions name. Returns their number.</summary>
    public abstract Task<int> RemoveOtherVectorsAsync(IReadOnlyCollection<long> runs, Func<SqlStatement, SqlStatement> conditions, CancellationToken cancellationToken);

    /// <summary>The statement that removes runs from the full-text index.</summary>
    public abstract SqlStatement UnindexText(IReadOnlyCollection<long> runs);

    /// <summary>The statements that remove what was announced to other processes about runs.</summary>
    public virtual IReadOnlyList<SqlStatement> ForgetOpenTasks(IReadOnlyCollection<long> runs) => [];

    /// <summary>Size of the whole store in bytes, as a query with one value.</summary>
    public abstract SqlStatement StoreSize();

    public async Task ExecuteAsync(SqlStatement statement, CancellationToken cancellationToken) =>
        await ExecuteAsync([statement], cancellationToken);

    /// <summary>Runs a statement and returns whether it returned a row.</summary>
    public async Task<bool> ReturnsRowAsync(SqlStatement statement, CancellationToken cancellationToken) =>
        (await ExecuteReturningAsync([statement], cancellationToken))[0] is not null;

    /// <summary>The first row, or the type's default.</summary>
    public async Task<T?> QueryFirstAsync<T>(SqlStatement statement, Func<DbDataReader, T> read, CancellationToken cancellationToken)
    {
        var rows = await QueryAsync(statement, read, cancellationToken);
        return rows.Count == 0 ? default : rows[0];
    }
}

/// <summary>A vector and the run that it belongs to.</summary>
internal sealed record VectorRow(long Run, string Tenant, TrajectoryEmbedding Embedding)
{
    public int Dimensions => Embedding.Vector.Length;

    /// <summary>Only these count as documents for the lexical embedder's document frequencies.</summary>
    public bool IsDocument => DocumentFrequencyTable.IsDocument(Embedding.Model, Embedding.Kind);
}
