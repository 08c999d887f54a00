using System.Buffers;
using System.Text;
using LlmProxy.Wire;
using static LlmProxy.Tests.Translation.Translations;

namespace LlmProxy.Tests.Translation;

/// <summary>Measures the memory of the process: nothing else may run.</summary>
[CollectionDefinition(nameof(StreamMemoryTests), DisableParallelization = true)]
[Collection(nameof(StreamMemoryTests))]
public sealed class StreamMemoryTests
{
    [Theory]
    [InlineData(DialectKind.OpenAiChat, DialectKind.AnthropicMessages)]
    [InlineData(DialectKind.OpenAiResponses, DialectKind.OpenAiChat)]
    [InlineData(DialectKind.AnthropicMessages, DialectKind.Gemini)]
    [InlineData(DialectKind.Gemini, DialectKind.OpenAiChat)]
    [InlineData(DialectKind.OpenAiChat, DialectKind.OpenAiResponses)]
    public void A_stream_of_ten_megabytes_needs_no_more_memory_than_the_clients_grammar(DialectKind upstream, DialectKind client)
    {
        const int Chunks = 10_000;
        var word = new string('x', 1000);
        var template = Streams.Of(upstream);
        var at = template.IndexOf("\"Hel\"", StringComparison.Ordinal);
        var end = upstream == DialectKind.Gemini ? "\r\n\r\n" : "\n\n";
        var start = template.LastIndexOf(end, at, StringComparison.Ordinal) + end.Length;
        var head = Encoding.UTF8.GetBytes(template[..start]);
        var piece = Encoding.UTF8.GetBytes(template[start..(template.IndexOf(end, at, StringComparison.Ordinal) + end.Length)].Replace("Hel", word, StringComparison.Ordinal));
        var reply = Request(client, Minimal(client, true), upstream, true).CreateReply(200, null);
        var sink = new CountingWriter();
        reply.Append(head, sink);
        reply.Append(piece, sink);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 1; i < Chunks; i++)
        {
            reply.Append(piece, sink);
        }

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(sink.Count > Chunks * 1000L, "the text did not arrive");
        // The last events of Responses say all of the text once more: it is kept, and nothing else.
        Assert.InRange(grown, long.MinValue, client == DialectKind.OpenAiResponses ? 60_000_000 : 1_000_000);
        GC.KeepAlive(reply);
    }

    private sealed class CountingWriter : IBufferWriter<byte>
    {
        private byte[] _bytes = new byte[64 * 1024];

        public long Count { get; private set; }

        public void Advance(int count) => Count += count;

        public Memory<byte> GetMemory(int sizeHint = 0) => _bytes = sizeHint > _bytes.Length ? new byte[sizeHint] : _bytes;

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
