using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Trajectories;

public sealed class StreamRhythmTests
{
    [Theory]
    [InlineData("310:412,40:80", "310:412,40:80", 350)]
    [InlineData("0:5,35-380:950", "0:5,35-380:950", 415)]
    [InlineData("", "", 0)]
    [InlineData("whole", "whole", 0)]
    [InlineData("10:5,x:7", "", 0)]
    [InlineData("10:0", "", 0)]
    [InlineData("-5:3", "", 0)]
    public void A_rhythm_is_read_as_it_is_written_and_nonsense_is_none(string text, string read, long durationMs)
    {
        var rhythm = StreamRhythm.Parse(text);

        Assert.Equal((read, durationMs), (rhythm.ToString(), rhythm.DurationMs));
    }

    [Theory]
    [InlineData(0.01, 310)]
    [InlineData(0.5, 310)]
    [InlineData(0.51, 350)]
    [InlineData(0.75, 350)]
    [InlineData(0.76, 364)]
    [InlineData(1, 460)]
    public void Each_part_comes_when_its_last_byte_came(double share, double expectedMs) =>
        Assert.Equal(expectedMs, StreamRhythm.Parse("310:200,40:100,10-100:100").TimeAt(share).TotalMilliseconds, 0.5);

    [Fact]
    public void The_longest_pauses_stay_as_they_were_however_long_the_stream_is()
    {
        var meter = new RhythmMeter();
        var now = TimeSpan.Zero;
        for (var i = 0; i < 1000; i++)
        {
            now += TimeSpan.FromMilliseconds(i is 400 or 700 ? 3000 + i : 20);
            meter.Add(now, 10);
            meter.Add(now, 5);
        }

        var rhythm = StreamRhythm.Parse(meter.Rhythm.ToString());

        Assert.InRange(rhythm.Pieces.Count, 2, RhythmMeter.MaxPieces);
        Assert.Equal((long)now.TotalMilliseconds, rhythm.DurationMs);
        Assert.Equal(15_000, rhythm.Pieces.Sum(piece => piece.Bytes));
        Assert.Equal([3400L, 3700L], rhythm.Pieces.Select(piece => piece.PauseMs).Where(pause => pause > 20));
        Assert.Equal(20.0 * 400, rhythm.TimeAt(0.400).TotalMilliseconds, 25.0);
        Assert.Equal((20.0 * 400) + 3400, rhythm.TimeAt(0.401).TotalMilliseconds, 25.0);
    }

    [Theory]
    [InlineData("anthropic streamed", true)]
    [InlineData("anthropic", false)]
    public async Task A_streamed_answer_is_stored_with_its_rhythm_and_a_whole_one_with_none(string name, bool streamed)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var loop = ToolLoop.All("claude-sonnet-4-5").Single(l => l.Name == name);
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType));

        using var answer = await proxy.PostAsync(loop.Path, loop.First);
        var body = await answer.Content.ReadAsByteArrayAsync();

        var step = Assert.Single(await proxy.ReadStepsAsync(await proxy.FindRunAsync(answer))).Step;
        Assert.Equal(streamed, step.Rhythm is { IsWhole: false });
        Assert.Equal(streamed ? body.Length : 0, step.Rhythm!.Pieces.Sum(piece => piece.Bytes));
        Assert.InRange(step.Rhythm!.DurationMs, 0, step.DurationMs);
    }
}
