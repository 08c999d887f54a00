using System.Runtime;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Benchmarks.Children;

/// <summary>What a child says of itself.</summary>
internal sealed record ChildStatus
{
    public string Url { get; init; } = "";

    /// <summary>Processor time of the whole process until now.</summary>
    public double CpuMilliseconds { get; init; }

    public long WorkingSet { get; init; }

    /// <summary>Bytes that were ever allocated on the managed heap.</summary>
    public long Allocated { get; init; }

    public bool ServerGc { get; init; }

    /// <summary>Methods that the runtime has compiled so far, each tier of one counted.</summary>
    public long CompiledMethods { get; init; }

    /// <summary>Calls that are not in the store yet.</summary>
    public long Pending { get; init; }

    /// <summary>Calls that were not recorded, by reason.</summary>
    public IReadOnlyDictionary<string, long> NotRecorded { get; init; } = new Dictionary<string, long>(StringComparer.Ordinal);
}

/// <summary>
/// A child's side of the conversation: a line comes in, a line of status goes out; when the input ends, so does the
/// child. A parent that was killed therefore leaves nobody behind.
/// </summary>
internal static class ControlLoop
{
    /// <summary>In front of a status, since logs go the same way.</summary>
    public const string Prefix = "#bench ";

    public static async Task<int> RunAsync(WebApplication app, Func<ChildStatus, ChildStatus>? describe = null)
    {
        await app.StartAsync();
        var url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        do
        {
            var status = new ChildStatus
            {
                Url = url,
                CpuMilliseconds = Environment.CpuUsage.TotalTime.TotalMilliseconds,
                WorkingSet = Environment.WorkingSet,
                Allocated = GC.GetTotalAllocatedBytes(),
                ServerGc = GCSettings.IsServerGC,
                CompiledMethods = JitInfo.GetCompiledMethodCount(),
            };
            Console.WriteLine(Prefix + JsonSerializer.Serialize(describe is null ? status : describe(status)));
        }
        while (await Console.In.ReadLineAsync() is not null);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await app.StopAsync(patience.Token);
        return 0;
    }
}
