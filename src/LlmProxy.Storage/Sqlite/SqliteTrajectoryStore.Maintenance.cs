using LlmProxy.Storage.Sql;

namespace LlmProxy.Storage.Sqlite;

/// <content>A copy of the file, and space given back.</content>
public sealed partial class SqliteTrajectoryStore
{
    /// <inheritdoc />
    /// <remarks>A compact copy of one state (https://sqlite.org/lang_vacuum.html#vacuuminto).</remarks>
    public override async Task BackupAsync(string path, CancellationToken cancellationToken)
    {
        var target = NewFile(path);
        try
        {
            await OnPoolAsync(
                "be copied",
                async () =>
                {
                    using var session = Open(readOnly: false);
                    await session.ExecuteAsync(new SqlStatement("VACUUM INTO @path").With("path", target.Partial), cancellationToken);
                    return true;
                },
                cancellationToken);
            File.Move(target.Partial, target.Path);
        }
        finally
        {
            File.Delete(target.Partial);
        }
    }

    /// <inheritdoc />
    public override async Task VacuumAsync(CancellationToken cancellationToken)
    {
        await InTurnAsync(
            session =>
            {
                session.Run("VACUUM");
                return true;
            },
            cancellationToken);
        await TruncateLogAsync(cancellationToken);
    }
}
