using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Testing.Replay;
using LlmProxy.Testing.Stubs;
using LlmProxy.Tests.Cli;
using WireMock.Handlers;
using WireMock.Server;
using WireMock.Settings;

namespace LlmProxy.Tests.Replay;

/// <summary>Every kind of mapping that is written, in the real WireMock.Net in the test's own process.</summary>
public sealed class WireMockNetTests
{
    /// <summary>The path in what <c>replay export</c> prints.</summary>
    internal static string PrintedPath(string output) => output.Split(" mappings in ")[1].Split("; ")[0];

    [Theory]
    [InlineData("")]
    [InlineData("/v1")]
    [InlineData("/a/gateway/v1")]
    public async Task Each_step_of_the_printed_path_answers_its_call_in_both_forms_and_no_other_call(string prefix)
    {
        using var folder = new TestFolder();
        var path = await ExportAsync(folder);
        using var server = WireMockServer.Start();
        server.ReadStaticMappings(path);
        using var agent = new StubAgent(new Uri(server.Url + prefix));

        foreach (var isOtherForm in (bool[])[false, true])
        {
            await agent.MakeCallsAsync(isOtherForm);
            using var unanswered = await agent.SendAsync(StubAgent.Unanswered);
            Assert.Equal((HttpStatusCode.BadGateway, "false"), (unanswered.StatusCode, unanswered.Headers.GetValues("x-should-retry").Single()));
            Assert.Equal("done", Assert.Single(server.Scenarios).NextState);
            await agent.AssertSurplusCallIsUnansweredAsync();
        }
    }

    [Fact]
    public async Task Every_mapping_of_a_run_with_streams_errors_and_several_dialects_is_loaded_from_the_printed_path_and_from_the_folder_as_root()
    {
        using var folder = new TestFolder();
        var path = await ExportAsync(folder);
        var files = Directory.GetFiles(path, "*.json");
        using var byPath = WireMockServer.Start();
        using var byRoot = WireMockServer.Start(new WireMockServerSettings { FileSystemHandler = new LocalFileSystemHandler(folder["stubs"]), ReadStaticMappings = true });

        byPath.ReadStaticMappings(path);

        Assert.Equal(10, files.Length);
        foreach (var server in (WireMockServer[])[byPath, byRoot])
        {
            Assert.Equal(Titles(files), server.MappingModels.Select(mapping => mapping.Title!).Order(StringComparer.Ordinal));
            Assert.All(server.MappingModels, mapping => Assert.Equal("replay of task-1", mapping.Scenario));
        }
    }

    [Fact]
    public void The_readme_names_the_version_that_these_tests_load()
    {
        var readme = Encoding.UTF8.GetString(StubFolder.Of(StubFolderTests.Run(), StubFlavor.WireMockNet).Files["README.md"]);

        Assert.Contains($"Loaded by WireMock.Net {typeof(WireMockServer).Assembly.GetName().Version!.ToString(3)} (package WireMock.Net.Minimal)", readme, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_of_one_call_answers_it_again_and_again()
    {
        using var folder = new TestFolder();
        var run = StubFolderTests.Run() with { Calls = [StubFolderTests.Run().Calls[1] with { Request = new CallMarks() }] };
        StubFolder.Of(run, StubFlavor.WireMockNet).WriteTo(folder["stubs"]);
        using var server = WireMockServer.Start();
        server.ReadStaticMappings(folder["stubs/__admin/mappings"]);
        using var agent = new StubAgent(new Uri(server.Url!));

        foreach (var body in (string[])["{}", """{"stream":true}""", "{}"])
        {
            using var response = await agent.SendAsync(new StubCall("/chat/completions", body));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    private static IEnumerable<string> Titles(string[] files) => files
        .Select(file => (string)JsonNode.Parse(File.ReadAllBytes(file))!["Title"]!)
        .Order(StringComparer.Ordinal);

    private static async Task<string> ExportAsync(TestFolder folder)
    {
        await File.WriteAllTextAsync(folder["run.json"], RecordedTrajectoryFile.Write(StubFolderTests.Run()));
        var outcome = await Llmproxy.RunAsync("replay", "export", "--task", folder["run.json"], "--flavor", "wiremock.net", "--output", folder["stubs"]);
        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        Assert.StartsWith("5 calls of task-1 as 10 mappings in ", outcome.Output, StringComparison.Ordinal);
        return PrintedPath(outcome.Output);
    }
}
