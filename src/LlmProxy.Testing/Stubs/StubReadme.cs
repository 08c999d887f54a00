using System.Text;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing.Stubs;

/// <summary>The page that lies in a folder of mappings.</summary>
internal static class StubReadme
{
    /// <summary>First words of the page, by which the product recognizes its own folders.</summary>
    public const string Title = "# Replay of ";

    public static byte[] WireMock(RecordedTrajectory run) => Page(run, """
        Stub mappings for WireMock. Start it with this folder as its root:

        ```bash
        java -jar wiremock-standalone-3.13.2.jar --root-dir . --port 9090
        curl -X POST http://localhost:9090/__admin/scenarios/reset    # back to the first step
        ```

        Point the agent at `http://localhost:9090` (Anthropic, Gemini) or `http://localhost:9090/v1` (OpenAI).

        Loaded by WireMock 3.13.2 on Java 17: the tests of LlmProxy load an exported run there and let the official
        SDKs of OpenAI and Anthropic run through it. Other versions were not tried.

        - Streams come in chunks of equal size over the recorded time (`chunkedDribbleDelay`); WireMock does not
          know events. `llmproxy replay serve` replays them event by event.
        """);

    public static byte[] WireMockNet(RecordedTrajectory run) => Page(run, """
        Mappings for WireMock.Net, in its own form. In a test:

        ```csharp
        using var server = WireMockServer.Start();
        server.ReadStaticMappings("__admin/mappings");    // of this folder; ReadStaticMappings does not look into subfolders
        server.ResetScenarios();                          // back to the first step
        ```

        or with this folder as its root:

        ```csharp
        using var server = WireMockServer.Start(new WireMockServerSettings { FileSystemHandler = new LocalFileSystemHandler(folder), ReadStaticMappings = true });
        ```

        Point the agent at the server's address (Anthropic, Gemini) or at `/v1` below it (OpenAI).

        Loaded by WireMock.Net 2.21.0 (package WireMock.Net.Minimal): the tests of LlmProxy load an exported run there
        and let the official SDKs of OpenAI and Anthropic run through it. Other versions and the tool dotnet-wiremock
        were not tried.

        - The body of a stream comes at once, after all of its recorded pauses (`Delay`): mappings in files do not
          stream. `llmproxy replay serve` replays it event by event.
        - WireMock.Net cannot break a connection: a call that got no response gets status 502.
        """);

    private static byte[] Page(RecordedTrajectory run, string text) => Encoding.UTF8.GetBytes($"""
        {Title}{run.Name}

        {(run.Task.Length == 0 ? "" : "> " + string.Join(' ', run.Task.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) + "\n\n")}{FormattableString.Invariant($"{run.Calls.Count} calls")}, recorded by LlmProxy, one scenario with a state for each step.

        {text}
        - A request is matched by its place in the scenario, method, end of path, model, whether it wants a stream, and
          the tool results that it brings. Prompts, histories and clocks do not matter.
        - Each step answers whole and as a stream, whichever was recorded. Streams of Gemini are server-sent events, as
          its SDKs ask for with `alt=sse`.
        - After the last step the state is `done`, and the first call of another run starts again. A run that ended early
          needs a reset before the next one.
        - Answers are made anew from the recorded reply, in the dialect's own grammar, with the recorded ids and token
          counts. Of headers there is the content type; errors ask the SDKs not to retry (`x-should-retry: false`).

        """.ReplaceLineEndings("\n"));
}
