using System.Text;
using LlmProxy.Server.Upstreams;

namespace LlmProxy.Tests.Pipeline;

/// <summary>The memory of a body belongs to a call as long as a connection may read it, and no longer.</summary>
public sealed class UpstreamCallTests
{
    private static readonly byte[] Body = "the body"u8.ToArray();

    [Fact]
    public async Task A_call_ends_a_write_that_is_still_going_and_is_over_only_when_it_has_ended()
    {
        var call = new UpstreamCall { ReadTimestamp = 0, Body = Body };
        await using var connection = new SlowStream();
        var writing = call.WriteBodyAsync(connection, CancellationToken.None);

        var ending = call.DisposeAsync().AsTask();
        await connection.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.False(ending.IsCompleted, "the memory was given back while a connection still read it");
        connection.Ended.SetResult();

        await ending.WaitAsync(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
    }

    [Fact]
    public async Task A_body_can_be_written_as_often_as_needed_and_not_at_all_after_the_call()
    {
        var call = new UpstreamCall { ReadTimestamp = 0, Body = Body };
        using var original = new ByteArrayContent([]) { Headers = { { "Content-Type", "application/json" }, { "Content-Language", "en" } } };
        using var content = new BufferedContent(call, Body, original);
        using var first = new MemoryStream();
        using var second = new MemoryStream();

        await content.CopyToAsync(first);
        await content.CopyToAsync(second);
        await call.DisposeAsync();

        Assert.Equal(("the body", "the body"), (Encoding.UTF8.GetString(first.ToArray()), Encoding.UTF8.GetString(second.ToArray())));
        Assert.Equal((8, "application/json", "en"), (content.Headers.ContentLength, content.Headers.ContentType!.ToString(), content.Headers.ContentLanguage.Single()));
        await Assert.ThrowsAnyAsync<Exception>(() => content.CopyToAsync(new MemoryStream()));
    }

    private sealed class SlowStream : MemoryStream
    {
        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await using var registered = cancellationToken.Register(Cancelled.SetResult);
            await Ended.Task;
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
