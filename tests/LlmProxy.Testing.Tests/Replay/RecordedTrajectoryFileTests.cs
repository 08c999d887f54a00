using LlmProxy.Testing.Replay;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Replay;

public sealed class RecordedTrajectoryFileTests(ITestOutputHelper output)
{
    [Fact]
    public void A_run_is_read_as_it_was_written()
    {
        var text = RecordedTrajectoryFile.Write(StubFolderTests.Run());

        Assert.Equal(text, RecordedTrajectoryFile.Write(RecordedTrajectoryFile.Read(text)));
        Assert.Contains("\"rhythm\": \"0:300,40:300,700:400\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("rhythm", RecordedTrajectoryFile.Write(StubFolderTests.Run(), withTiming: false), StringComparison.Ordinal);
    }

    [SharedDataFact]
    public void Every_recorded_answer_survives_a_file()
    {
        var (same, bytes) = (0, 0L);
        foreach (var recording in Dialects.Recording.All.Where(recording => recording.Status == 200))
        {
            var reply = RecordedUpstreamTests.Assemble(recording.Dialect, recording.Response);
            var run = new RecordedTrajectory { Name = recording.Id, Calls = [new RecordedCall(recording.Kind, new CallMarks(), new RecordedAnswer { Reply = reply })] };

            var file = RecordedTrajectoryFile.Write(run);
            var read = RecordedTrajectoryFile.Read(file).Calls[0].Answer.Reply!;

            Assert.Equal(
                (reply.Message.Text, reply.Message.Reasoning, reply.StopReason, reply.Usage, reply.IsComplete, reply.Error, reply.Refusal),
                (read.Message.Text, read.Message.Reasoning, read.StopReason, read.Usage, read.IsComplete, read.Error, read.Refusal));
            Assert.Equal(reply.Message.ToolCalls.Select(call => (call.Id, call.Name)), read.Message.ToolCalls.Select(call => (call.Id, call.Name)));
            same++;
            bytes += file.Length;
        }

        output.WriteLine(FormattableString.Invariant($"{same} answers, {bytes / same} bytes a file; the answers' own bodies: {Dialects.Recording.All.Where(r => r.Status == 200).Average(r => r.Response.Length):F0} bytes"));
        Assert.InRange(same, 2300, int.MaxValue);
    }

    [Theory]
    [InlineData("nonsense", "The file is not valid JSON")]
    [InlineData("[]", "\"format\" must be \"llmproxy-run/1\"")]
    [InlineData("{}", "\"format\" must be \"llmproxy-run/1\"")]
    [InlineData("""{"format":"llmproxy-run/2","calls":[]}""", "Its format is \"llmproxy-run/2\"; this version reads \"llmproxy-run/1\"")]
    [InlineData("""{"format":"llmproxy-run/1"}""", "\"calls\" must be a list")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[7]}""", "calls[0] must be an object")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[{"dialect":"smalltalk","answer":{}}]}""", "calls[0].dialect is \"smalltalk\"; it must be one of anthropic-messages, openai-chat, openai-responses, gemini")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[{"dialect":"gemini","request":{"results":[1]},"answer":{}}]}""", "calls[0].request.results must be a list of texts")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[{"dialect":"gemini","request":{"model":1},"answer":{}}]}""", "calls[0].request.model must be a text")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[{"dialect":"gemini","answer":{"status":"ok"}}]}""", "calls[0].answer.status must be a whole number")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[{"dialect":"gemini","answer":{"stream":"yes"}}]}""", "calls[0].answer.stream must be true or false")]
    [InlineData("""{"format":"llmproxy-run/1","calls":[{"dialect":"gemini","answer":{"message":{},"usage":{"input":"many"}}}]}""", "calls[0].answer.usage.input must be a whole number")]
    public void A_file_that_is_none_is_refused_with_the_place(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => RecordedTrajectoryFile.Read(text)).Message, StringComparison.Ordinal);
}
