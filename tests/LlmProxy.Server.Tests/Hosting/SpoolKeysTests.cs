using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Hosting;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Hosting;

/// <summary>The encrypted spool of the running proxy, with data protection keys on the disk.</summary>
public sealed class SpoolKeysTests : IDisposable
{
    private const string Canary = "zebracanary";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Bodies_in_the_spool_cannot_be_read_and_a_later_process_records_them()
    {
        await LeaveInSpoolAsync(encrypt: true);
        Assert.DoesNotContain(Canary, SpoolBytes(), StringComparison.OrdinalIgnoreCase);

        // A process that does not encrypt reads them too.
        await using var proxy = await StartAsync(encrypt: false, storeIsUp: true);
        await proxy.SettleAsync();

        Assert.Equal($"Find the {Canary}", (string?)Assert.Single((await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray())!["taskDescription"]);
    }

    [Fact]
    public async Task Without_encryption_they_can_be_read_and_no_key_is_made()
    {
        await LeaveInSpoolAsync(encrypt: false);

        Assert.Contains(Canary, SpoolBytes(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["keys"]));
    }

    [Fact]
    public async Task Calls_whose_keys_are_lost_are_counted_and_recorded_once_the_keys_are_back()
    {
        await LeaveInSpoolAsync(encrypt: true);
        Directory.Move(_folder["keys"], _folder["elsewhere"]);
        await using (var proxy = await StartAsync(encrypt: true, storeIsUp: true))
        {
            Assert.Equal(1, proxy.Spool.Dropped);
            var error = await proxy.Log.WaitForAsync(4109);
            Assert.Contains(_folder["keys"], error.Message, StringComparison.Ordinal);
            await ApiTestRuns.PlayAsync(proxy);
        }

        foreach (var key in Directory.EnumerateFiles(_folder["elsewhere"]))
        {
            File.Move(key, Path.Combine(_folder["keys"], Path.GetFileName(key)));
        }

        await using var restored = await StartAsync(encrypt: true, storeIsUp: true);
        await restored.SettleAsync();

        Assert.Equal(2, (await restored.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray().Count);
    }

    [Fact]
    public void Keys_are_for_their_owner_alone()
    {
        var keys = SpoolKeys.In(_folder["keys"]);
        Assert.Equal([1, 2, 3], keys.Unprotect(keys.Protect([1, 2, 3])));
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Assert.Equal(PrivateFiles.DirectoryMode, File.GetUnixFileMode(_folder["keys"]));
        var files = Directory.GetFiles(_folder["keys"]);
        Assert.NotEmpty(files);
        foreach (var file in files)
        {
            Assert.Equal(PrivateFiles.FileMode, File.GetUnixFileMode(file));
        }
    }

    /// <summary>A call that a process leaves in the spool, since its store cannot be reached.</summary>
    private async Task LeaveInSpoolAsync(bool encrypt)
    {
        await using var proxy = await StartAsync(encrypt, storeIsUp: false);
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        using var answer = await proxy.PostAsync("/anthropic/v1/messages", $$"""{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":"Find the {{Canary}}"}]}""");
        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(1, proxy.Spool.Pending);
    }

    private Task<RunningProxy> StartAsync(bool encrypt, bool storeIsUp) => RunningProxy.StartAsync(
        null,
        ("LlmProxy:Recording:Spool:Directory", _folder["spool"]),
        ("LlmProxy:Recording:Spool:KeyDirectory", _folder["keys"]),
        ("LlmProxy:Recording:Spool:Encrypt", encrypt ? "true" : "false"),
        ("LlmProxy:Storage:Provider", storeIsUp ? "sqlite" : "postgres"),
        ("LlmProxy:Storage:ConnectionString", storeIsUp ? $"Data Source={_folder["llmproxy.db"]}" : $"Host=127.0.0.1;Port={RawUpstream.ClosedAddress().Port};Username=none;Database=none"));

    private string SpoolBytes() => string.Concat(Directory.GetFiles(_folder["spool"], "*.spool").Select(file => Encoding.Latin1.GetString(File.ReadAllBytes(file))));
}
