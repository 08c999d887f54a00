using System.Runtime.InteropServices;
using LlmProxy.Benchmarks;
using LlmProxy.Benchmarks.Analyzer;
using LlmProxy.Benchmarks.Children;
using LlmProxy.Benchmarks.Crash;
using LlmProxy.Benchmarks.Export;
using LlmProxy.Benchmarks.Learning;
using LlmProxy.Benchmarks.Parts;
using LlmProxy.Benchmarks.Proxy;
using LlmProxy.Benchmarks.Record;
using LlmProxy.Benchmarks.Retrieval;
using LlmProxy.Benchmarks.Search;
using LlmProxy.Benchmarks.Soak;
using LlmProxy.Benchmarks.Statistics;
using LlmProxy.Benchmarks.Storage;
using LlmProxy.Benchmarks.Templates;
using LlmProxy.Benchmarks.Upload;

return args switch
{
    // What a person calls.
    ["proxy", .. var rest] => await Run(rest, ProxyOptions.Parse, ProxyScenario.RunAsync),
    ["soak", .. var rest] => await Run(rest, SoakOptions.Parse, SoakScenario.RunAsync),
    ["upload", .. var rest] => await Run(rest, UploadOptions.Parse, UploadScenario.RunAsync),
    ["parts", .. var rest] => await Run(rest, PartsOptions.Parse, PartsScenario.RunAsync),
    ["templates", .. var rest] => await Run(rest, TemplatesOptions.Parse, TemplatesScenario.RunAsync),
    ["crash", .. var rest] => await Run(rest, CrashOptions.Parse, CrashScenario.RunAsync),
    ["storage", .. var rest] => await Run(rest, StorageRunOptions.Parse, StorageScenario.RunAsync),
    ["record", .. var rest] => await Run(rest, RecordOptions.Parse, RecordScenario.RunAsync),
    ["analyzer", .. var rest] => await Run(rest, AnalyzerOptions.Parse, AnalyzerScenario.RunAsync),
    ["statistics", .. var rest] => await Run(rest, StatisticsRunOptions.Parse, StatisticsScenario.RunAsync),
    ["search", .. var rest] => await Run(rest, SearchOptions.Parse, SearchScenario.RunAsync),
    ["retrieval", .. var rest] => await Run(rest, RetrievalOptions.Parse, RetrievalScenario.RunAsync),
    ["export", .. var rest] => await Run(rest, ExportBenchmarkOptions.Parse, ExportScenario.RunAsync),
    ["learning", .. var rest] => await Run(rest, LearningOptions.Parse, LearningScenario.RunAsync),

    // What this program starts itself as: each process's processor time is then its own.
    ["child", "upstream"] => await FakeUpstream.RunAsync(checksRequests: false),
    ["child", "upstream", "checking"] => await FakeUpstream.RunAsync(checksRequests: true),
    ["child", "yarp", var upstream] => await BareYarp.RunAsync(upstream),
    ["child", "llmproxy", var upstream, var folder] => await ProxyChild.RunAsync(upstream, folder, withStore: true),
    ["child", "llmproxy-path", var upstream, var folder] => await ProxyChild.RunAsync(upstream, folder, withStore: false),
    ["child", "export", var folder, var format] => await ExportScenario.ExportAsync(folder, format),
    _ => Usage.Print(),
};

static async Task<int> Run<T>(string[] rest, Func<string[], T> parse, Func<T, CancellationToken, Task<int>> run)
{
    using var stop = new CancellationTokenSource();
    using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var ended = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    try
    {
        return await run(parse(rest), stop.Token);
    }
    catch (UsageException error)
    {
        return Usage.Print(error.Message);
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        return 130;
    }
    catch (Exception error) when (error is InvalidOperationException or IOException or System.Net.Sockets.SocketException)
    {
        await Console.Error.WriteLineAsync(error.Message);
        return 1;
    }

    void Stop(PosixSignalContext signal)
    {
        // The children are ended and their folder is removed by this process, in order.
        signal.Cancel = true;
        stop.Cancel();
    }
}
