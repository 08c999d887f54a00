using System.Net;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData.Validation;

namespace LlmProxy.Tests.Export;

/// <summary>Training data over HTTP.</summary>
public sealed class ExportApiTests
{
    [Fact]
    public async Task Lines_come_as_they_are_with_a_notice_and_what_cannot_be_asked_is_said()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Tasks:EndOfTurnGrace", "00:00:00"));
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/export?format=trl"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/jsonl", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("outputs of anthropic; their terms may forbid training other models on them", answer.Headers.GetValues("LlmProxy-Export-Notice").Single());
        await using var stream = await answer.Content.ReadAsStreamAsync();
        var report = await FormatCheck.CheckAsync(stream, LlmProxy.TrainingData.ExportFormat.Trl, null, true, CancellationToken.None);
        Assert.True(report.IsValid, string.Join('\n', report.Problems));
        Assert.Equal(1, report.Lines);

        foreach (var query in (string[])["", "?format=csv", "?format=trl&split=0.9", "?format=trl&part=both", "?format=trl&minQuality=2", "?format=trl&since=soon"])
        {
            using var refused = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/export" + query));
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
        }
    }
}
