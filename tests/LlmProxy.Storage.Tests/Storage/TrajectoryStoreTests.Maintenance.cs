using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Copies of the whole store, and space given back.</content>
public abstract partial class TrajectoryStoreTests
{
    [StoreFact]
    public async Task A_backup_holds_what_was_saved_and_replaces_no_file()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("kept", "Book a flight to Rome") });
        var folder = Directory.CreateTempSubdirectory("llmproxy-backup-").FullName;
        try
        {
            var file = Path.Combine(folder, "backup");
            await Store.BackupAsync(file, default);
            await SaveAsync(new TrajectoryChange { Trajectory = Run("later") });

            Assert.Equal("kept", await ReadBackupAsync(file));
            Assert.Contains("exists already", (await Assert.ThrowsAsync<StoreException>(() => Store.BackupAsync(file, default))).Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<StoreException>(() => Store.BackupAsync(Path.Combine(folder, "missing", "backup"), default));
            Assert.DoesNotContain(Directory.EnumerateFiles(folder), name => name.EndsWith(".partial", StringComparison.Ordinal));
            if (!OperatingSystem.IsWindows())
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The ids of the runs in a backup, joined by commas.</summary>
    protected abstract Task<string> ReadBackupAsync(string file);

    [StoreFact]
    public async Task A_vacuum_keeps_everything()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("kept") }, new TrajectoryChange { Trajectory = Run("gone") });
        await Store.DeleteAsync(Tenant, "gone", default);

        await Store.VacuumAsync(default);

        Assert.Equal("kept", Assert.Single((await Store.ListAsync(new TrajectoryQuery(Tenant), default)).Items).Id);
        Assert.True(await Store.ReadSizeAsync(default) > 0);
    }
}
