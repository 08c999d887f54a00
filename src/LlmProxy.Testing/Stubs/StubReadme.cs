using System.Text;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing.Stubs;

/// <summary>The page that lies in a folder of mappings.</summary>
internal static class StubReadme
{
    /// <summary>First words of the page; they tell the product's own folders.</summary>
    public const string Title = "# Replay of ";

    public static byte[] WireMock(RecordedRun run) => Page(run, """
        Stub mappings for WireMock. Start it with this folder as its root:

        ```bash
        java -jar wiremock-standalone-3.13.2.jar --root-dir . --port 9090
        curl -X POST http://localhost:9090/__admin/scenarios/reset    # from the first step again
        ```

        Point the agent at `http://localhost:9090` (Anthropic, Gemini) or `http://localhost:9090/v1` (OpenAI).

        Loaded by WireMock 3.13.2 on Java 17: the tests of LlmProxy load an exported run there and let the official
        SDKs of OpenAI and Anthropic run through it. Other versions were not tried.

        - Streams come in chunks of equal size over the recorded time (`chunkedDribbleDelay`); WireMock does not
          know events. `llmproxy replay serve` replays them event by event.
        """);

    public static byte[] WireMockNet(RecordedRun run) => Page(run, """
        Mappings for WireMock.Net, in its own form. Start it with this folder as its root:

        ```bash
        dotnet tool install --global dotnet-wiremock
        dotnet-wiremock --Urls http://localhost:9090 --ReadStaticMappings true
        ```

        or in a test:

        ```csharp
        var server = WireMockServer.Start(new WireMockServerSettings { FileSystemHandler = new LocalFileSystemHandler(folder), ReadStaticMappings = true });
        ```

        Point the agent at `http://localhost:9090` (Anthropic, Gemini) or `http://localhost:9090/v1` (OpenAI).

        No version of WireMock.Net has loaded these files yet: the package could not be had where LlmProxy is built.
        Its tests check them against WireMock.Net's mapping model. Please report what does not load.

        - A stream's body comes at once, behind all of its recorded pauses (`Delay`): mappings in files have no
          streaming. `llmproxy replay serve` replays them event by event.
        """);

    private static byte[] Page(RecordedRun run, string text) => Encoding.UTF8.GetBytes($"""
        {Title}{run.Name}

        {(run.Task.Length == 0 ? "" : "> " + string.Join(' ', run.Task.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) + "\n\n")}{FormattableString.Invariant($"{run.Calls.Count} calls")}, recorded by LlmProxy, one scenario with a state for each step.

        {text}
        - A request is matched by its place in the scenario, method, end of path, model, whether it wants a stream, and
          the tool results that it brings. Prompts, histories and clocks do not matter.
        - Answers are made anew from the recorded reply, in the dialect's own grammar, with the recorded ids and token
          counts. Of headers there is the content type; errors tell the SDKs not to try again (`x-should-retry: false`).

        """.ReplaceLineEndings("\n"));
}
