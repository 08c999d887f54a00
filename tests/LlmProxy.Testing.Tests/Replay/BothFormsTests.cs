using System.Net;
using System.Text;
using LlmProxy.Testing;
using LlmProxy.Testing.Replay;
using LlmProxy.Testing.Stubs;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;
using WireMock.Server;

namespace LlmProxy.Tests.Replay;

/// <summary>A tool loop of every dialect, recorded whole or as a stream, answers clients that ask for either form on each server that replays.</summary>
public sealed class BothFormsTests
{
    private const string Model = "model-1";

    public static TheoryData<string> Loops() => RecordedUpstreamTests.Loops();

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task A_recorded_upstream_answers_in_both_forms(string recorded)
    {
        using var folder = new TestFolder();
        var run = await RecordAsync(folder, recorded);

        foreach (var loop in InBothForms(recorded))
        {
            await using var upstream = await RecordedUpstream.StartAsync(run);
            await AssertPlaysAsync(new Uri(upstream.AnthropicBaseUrl, "/"), loop);
        }
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task Wiremock_net_answers_in_both_forms_run_after_run(string recorded)
    {
        using var folder = new TestFolder();
        StubFolder.Of(await RecordAsync(folder, recorded), StubFlavor.WireMockNet).WriteTo(folder["stubs"]);
        using var server = WireMockServer.Start();
        server.ReadStaticMappings(folder["stubs/__admin/mappings"]);

        foreach (var loop in InBothForms(recorded))
        {
            await AssertPlaysAsync(new Uri(server.Url!), loop);
        }
    }

    [WireMockTheory]
    [InlineData("responses")]
    [InlineData("responses streamed")]
    public async Task Wiremock_answers_in_both_forms_run_after_run(string recorded)
    {
        using var folder = new TestFolder();
        StubFolder.Of(await RecordAsync(folder, recorded), StubFlavor.WireMock).WriteTo(folder["stubs"]);
        await using var wiremock = await WireMockProcess.StartAsync(folder["stubs"]);

        foreach (var loop in InBothForms(recorded))
        {
            await AssertPlaysAsync(wiremock.Address, loop);
        }
    }

    /// <summary>The loop as it was recorded, in the other form, and as it was recorded once more.</summary>
    private static IEnumerable<ToolLoop> InBothForms(string recorded)
    {
        var dialect = recorded.Split(' ')[0];
        var forms = ToolLoop.All(Model).Where(loop => loop.Name.Split(' ')[0] == dialect).OrderByDescending(loop => loop.Name == recorded).ToList();
        Assert.Equal(2, forms.Count);
        return [.. forms, forms[0]];
    }

    private static async Task<RecordedTrajectory> RecordAsync(TestFolder folder, string name)
    {
        var loop = ToolLoop.All(Model).Single(l => l.Name == name);
        await using var provider = await ScriptedUpstream.StartAsync();
        provider.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));
        await using (var upstream = await RecordedUpstream.StartAsync(folder["run.json"], RecordedUpstreamTests.Recording(provider)))
        {
            await AssertPlaysAsync(new Uri(upstream.AnthropicBaseUrl, "/"), loop);
        }

        return RecordedTrajectoryFile.ReadFile(folder["run.json"]);
    }

    private static async Task AssertPlaysAsync(Uri root, ToolLoop loop)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        foreach (var (request, answer) in new[] { (loop.First, loop.FirstAnswer), (loop.Second, loop.SecondAnswer) })
        {
            using var response = await client.PostAsync(new Uri(root, loop.Path), new StringContent(request, Encoding.UTF8, "application/json"));
            Assert.Equal((loop.Name, HttpStatusCode.OK, loop.ContentType), (loop.Name, response.StatusCode, response.Content.Headers.ContentType?.ToString()));
            var (expected, reply) = (Assemble(loop, answer), Assemble(loop, await response.Content.ReadAsStringAsync()));
            Assert.Equal((loop.Name, expected.Message.Text, expected.StopReason, true), (loop.Name, reply.Message.Text, reply.StopReason, reply.IsComplete));
            Assert.Equal(expected.Message.ToolCalls.Select(call => (call.Id, call.Name)), reply.Message.ToolCalls.Select(call => (call.Id, call.Name)));
        }
    }

    private static AssembledReply Assemble(ToolLoop loop, string body) =>
        RecordedUpstreamTests.Assemble(DialectCatalog.Get(DialectCatalog.Recognize("POST", loop.Path)!.Value), body);
}
