using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Recording;

public sealed class SpoolTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "llmproxy-spool-" + Guid.NewGuid().ToString("N"));
    private readonly TestClock _time = new();

    private string[] Segments => [.. Directory.GetFiles(_folder, "*.spool").Where(f => new FileInfo(f).Length > SpoolFrame.SegmentHeaderLength)];

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void An_exchange_is_read_back_as_it_was_written()
    {
        using var spool = Open();
        var exchange = Whole(spool, "e1", "the request", "the ans", "wer");

        var read = exchange.Read();

        Assert.Equal("the request", Encoding.UTF8.GetString(read.Request.Span));
        Assert.Equal("the answer", Encoding.UTF8.GetString(read.Answer));
        Assert.Equal(200, read.ResponseHead!.Status);
        Assert.Equal(new ExchangeTail(ExchangeOutcome.Complete, 12, false), read.Tail);
        Assert.Null(read.SentPrompt);
    }

    [Fact]
    public void A_record_has_the_bytes_of_earlier_versions_so_that_their_spools_are_read()
    {
        // CRC-32C (Castagnoli) of kind, exchange, ordinal and payload, computed bit by bit.
        var stored = Convert.FromHexString("88776655443322110B00000017AD6B31020700000000000000010000007468652072657175657374");
        var payload = "the request"u8;
        var header = new byte[SpoolFrame.HeaderLength];

        SpoolFrame.Write(header, 0x1122334455667788, new SpoolFrame(SpoolRecordKind.Request, 7, 1, payload.Length), payload);

        Assert.Equal(stored, (byte[])[.. header, .. payload]);
        Assert.True(SpoolFrame.TryRead(stored, 0x1122334455667788, out var frame));
        Assert.Equal(new SpoolFrame(SpoolRecordKind.Request, 7, 1, 11), frame);
        stored[^1] ^= 1;
        Assert.False(SpoolFrame.TryRead(stored, 0x1122334455667788, out _));
    }

    [Fact]
    public void A_segment_goes_when_its_last_exchange_is_released()
    {
        using var spool = Open();
        var one = Whole(spool, "e1", "a", "b");
        var two = Whole(spool, "e2", "a", "b");
        Assert.Equal(2, spool.Pending);

        one.Release();
        one.Release();
        Assert.Single(Segments);
        Assert.Equal(1, spool.Pending);
        two.Release();

        Assert.Empty(Segments);
        Assert.Equal(0, spool.Pending);
        Assert.Equal(0, spool.Bytes);
    }

    [Fact]
    public void What_is_written_after_the_release_goes_nowhere()
    {
        using var spool = Open();
        var exchange = Whole(spool, "e1", "a", "b");
        exchange.Release();

        exchange.WriteResponse("late"u8.ToArray());

        Assert.Empty(Segments);
        Assert.Equal(0, spool.Bytes);
    }

    [Fact]
    public void The_files_are_for_their_owner_alone()
    {
        using var spool = Open();
        Whole(spool, "e1", "a", "b");
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Segments[0]));
    }

    [Fact]
    public void A_folder_belongs_to_one_process()
    {
        using var spool = Open();

        var error = Assert.Throws<IOException>(Open);

        Assert.Contains("LlmProxy:Recording:Spool:Directory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_killed_process_left_is_found_in_its_order_and_counts_as_pending()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request 1", "answer 1");
            var cut = killed.Begin(Head("e2"), "request 2"u8.ToArray(), "the sent prompt")!;
            cut.WriteResponseHead(new ResponseHead(200, "text/event-stream", null, 5));
            cut.WriteResponse("half an ans"u8.ToArray());
            Whole(killed, "e3", "request 3", "answer 3");
        }

        using var spool = Open();
        Assert.Equal(3, spool.Pending);
        var left = spool.TakeLeftovers();

        Assert.Equal(["e1", "e2", "e3"], left.Select(e => e.Head.ExchangeId));
        var half = left[1].Read();
        Assert.Equal(ExchangeOutcome.ProxyStopped, half.Tail.Outcome);
        Assert.Equal("half an ans", Encoding.UTF8.GetString(half.Answer));
        Assert.Equal("the sent prompt", half.SentPrompt);
        foreach (var exchange in left)
        {
            exchange.Release();
        }

        Assert.Empty(Segments);
        Assert.Equal(0, spool.Pending);
        Assert.Equal(0, spool.Bytes);
    }

    [Fact]
    public void Calls_that_come_before_the_leftovers_are_taken_are_not_mixed_up_with_them()
    {
        using (var killed = Open())
        {
            Whole(killed, "old", "old request", "old answer");
        }

        using (var killedToo = Open())
        {
            Whole(killedToo, "new", "new request", "new answer");
        }

        using var spool = Open();
        var left = spool.TakeLeftovers();

        Assert.Equal(["old request", "new request"], left.Select(e => Encoding.UTF8.GetString(e.Read().Request.Span)));
        Assert.Equal(["old answer", "new answer"], left.Select(e => Encoding.UTF8.GetString(e.Read().Answer)));
    }

    [Fact]
    public void A_torn_tail_is_cut_off_wherever_the_process_stopped()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request 1", "answer 1");
            Whole(killed, "e2", "request 2", "answer 2");
        }

        var whole = File.ReadAllBytes(Segments[0]);
        var name = Segments[0];
        for (var length = whole.Length; length >= 0; length -= 7)
        {
            File.WriteAllBytes(name, whole[..length]);
            using var spool = Open();
            foreach (var exchange in spool.TakeLeftovers())
            {
                // Nothing is made up: what is there is a beginning of what was written.
                var read = exchange.Read();
                Assert.StartsWith("request ", Encoding.UTF8.GetString(read.Request.Span), StringComparison.Ordinal);
                Assert.StartsWith(Encoding.UTF8.GetString(read.Answer), "answer " + exchange.Head.ExchangeId[1..], StringComparison.Ordinal);
                exchange.Release();
            }

            Assert.Empty(Segments);
            Assert.Equal(0, spool.Bytes);
        }
    }

    [Fact]
    public void Damage_in_the_middle_costs_what_it_hit_and_no_more()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request 1", "first half ", "second half");
            Whole(killed, "e2", "request 2", "answer 2");
        }

        var bytes = File.ReadAllBytes(Segments[0]);
        bytes[bytes.AsSpan().IndexOf("first half"u8)] ^= 1;
        File.WriteAllBytes(Segments[0], bytes);
        using var spool = Open();
        var left = spool.TakeLeftovers();

        Assert.Equal(["e1", "e2"], left.Select(e => e.Head.ExchangeId));
        var hurt = left[0].Read();
        Assert.True(hurt.Tail.Truncated);
        Assert.Empty(hurt.Answer);
        Assert.Equal(ExchangeOutcome.Complete, hurt.Tail.Outcome);
        Assert.Equal("answer 2", Encoding.UTF8.GetString(left[1].Read().Answer));
        Assert.False(left[1].Read().Tail.Truncated);
    }

    [Fact]
    public void A_hole_of_zeros_costs_what_it_hit_and_no_more()
    {
        using (var killed = Open())
        {
            for (var i = 0; i < 20; i++)
            {
                Whole(killed, "e" + i, "request " + i, "answer " + i);
            }
        }

        var bytes = File.ReadAllBytes(Segments[0]);
        bytes.AsSpan(bytes.Length / 2, 300).Clear();
        File.WriteAllBytes(Segments[0], bytes);
        using var spool = Open();
        var left = spool.TakeLeftovers();

        Assert.InRange(left.Count, 17, 19);
        Assert.Equal(left.Count, spool.Pending);
        Assert.True(spool.Dropped > 0);
        Assert.Equal("answer 19", Encoding.UTF8.GetString(left[^1].Read().Answer));
    }

    [Fact]
    public void No_body_can_pass_for_a_record_behind_damage()
    {
        byte[] forged;
        using (var other = Open())
        {
            Whole(other, "forged", "forged request", "forged answer");
            forged = File.ReadAllBytes(Segments[0]);
        }

        Directory.Delete(_folder, recursive: true);
        using (var killed = Open())
        {
            var exchange = killed.Begin(Head("e1"), forged, null)!;
            exchange.WriteResponse(forged);
        }

        var bytes = File.ReadAllBytes(Segments[0]);
        bytes[20] ^= 1;
        File.WriteAllBytes(Segments[0], bytes);
        using var spool = Open();

        Assert.DoesNotContain(spool.TakeLeftovers(), e => e.Head.ExchangeId == "forged");
    }

    [Fact]
    public void A_file_that_is_no_segment_is_counted_and_goes()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Path.Combine(_folder, "00000003.spool"), new string('x', 500));
        using var spool = Open();

        Assert.Empty(spool.TakeLeftovers());
        Assert.Equal(1, spool.Dropped);
        Assert.Empty(Segments);
    }

    [Fact]
    public void A_call_whose_beginning_was_cut_off_was_never_forwarded_and_is_not_counted_as_dropped()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request 1", "answer 1");
            killed.Begin(Head("e2"), Encoding.UTF8.GetBytes(new string('r', 10_000)), "the sent prompt");
        }

        var name = Segments[0];
        var bytes = File.ReadAllBytes(name);
        var begin = bytes.AsSpan().IndexOf("\"e2\""u8);
        for (var length = bytes.Length - "the sent prompt".Length - SpoolFrame.HeaderLength - 1; length > begin; length -= 500)
        {
            File.WriteAllBytes(name, bytes[..length]);
            using var spool = Open();

            Assert.Equal(["e1"], spool.TakeLeftovers().Select(e => e.Head.ExchangeId));
            Assert.Equal(1, spool.Pending);
            Assert.Equal(0, spool.Dropped);
        }
    }

    [Fact]
    public void A_call_whose_request_is_damaged_is_counted_as_dropped()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request one that is damaged", "answer 1");
            Whole(killed, "e2", "request 2", "answer 2");
        }

        var bytes = File.ReadAllBytes(Segments[0]);
        bytes[bytes.AsSpan().IndexOf("request one"u8)] ^= 1;
        File.WriteAllBytes(Segments[0], bytes);
        using var spool = Open();

        Assert.Equal(["e2"], spool.TakeLeftovers().Select(e => e.Head.ExchangeId));
        Assert.Equal(1, spool.Pending);
        Assert.Equal(1, spool.Dropped);
    }

    [Fact]
    public void A_full_spool_turns_new_calls_away_before_those_under_way_lose_their_answers_and_counts_them()
    {
        using var spool = Open(maxBytes: 20_000);
        var first = spool.Begin(Head("e1"), new byte[10_000], null)!;

        Assert.Null(spool.Begin(Head("e2"), new byte[8_000], null));
        first.WriteResponse(new byte[8_000]);
        first.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 1, false));

        Assert.Equal(1, spool.Dropped);
        Assert.Equal(1, spool.Pending);
        Assert.Equal(8_000, first.Read().Answer.Length);
        Assert.False(first.Read().Tail.Truncated);
        first.Release();
        Assert.NotNull(spool.Begin(Head("e3"), new byte[10_000], null));
    }

    [Fact]
    public void Answers_under_way_do_not_take_a_spool_above_its_size_and_their_ends_are_kept()
    {
        using var spool = Open(maxBytes: 100_000);
        var calls = Enumerable.Range(0, 20).Select(i => spool.Begin(Head("e" + i), new byte[1_000], null)!).ToList();
        for (var piece = 0; piece < 20; piece++)
        {
            calls.ForEach(c => c.WriteResponse(new byte[1_000]));
        }

        calls.ForEach(c => c.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 1, false)));

        Assert.InRange(spool.Bytes, 90_000, 110_000);
        Assert.All(calls, c => Assert.True(c.Read().Tail.Truncated));
        Assert.All(calls, c => Assert.InRange(c.Read().Answer.Length, 1_000, 19_000));
        calls.ForEach(c => c.Release());
        Assert.False(Whole(spool, "e21", "request", "answer").IsTruncated);
    }

    [Fact]
    public void A_flipped_bit_anywhere_in_a_header_loses_no_call()
    {
        using (var killed = Open())
        {
            for (var i = 0; i < 5; i++)
            {
                Whole(killed, "e" + i, "request " + i, "answer " + i);
            }
        }

        var file = Segments[0];
        var sound = File.ReadAllBytes(file);
        for (var bit = 0; bit < SpoolFrame.SegmentHeaderLength * 8; bit++)
        {
            var bytes = (byte[])sound.Clone();
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(file, bytes);

            using var spool = Open();

            Assert.Equal(["e0", "e1", "e2", "e3", "e4"], spool.TakeLeftovers().Select(e => e.Head.ExchangeId));
            Assert.Equal(0, spool.Dropped);
        }
    }

    [Theory]
    [InlineData(SpoolFrame.SegmentHeaderLength, 5)]
    [InlineData(SpoolFrame.SegmentHeaderLength + 20, 4)]
    public void A_header_that_is_overwritten_loses_what_cannot_be_told_and_counts_it(int length, int lost)
    {
        using (var killed = Open())
        {
            for (var i = 0; i < 5; i++)
            {
                Whole(killed, "e" + i, "request " + i, "answer " + i);
            }
        }

        var bytes = File.ReadAllBytes(Segments[0]);
        new Random(1).NextBytes(bytes.AsSpan(0, length));
        File.WriteAllBytes(Segments[0], bytes);

        using var spool = Open();

        Assert.Equal(5, spool.TakeLeftovers().Count + spool.Dropped);
        Assert.InRange(spool.Dropped, length > SpoolFrame.SegmentHeaderLength ? lost : 0, 5);
    }

    [Fact]
    public void A_disk_that_refuses_marks_the_copy_and_throws_nothing()
    {
        var spool = Open();
        var exchange = spool.Begin(Head("e1"), "request"u8.ToArray(), null)!;
        spool.Dispose();

        exchange.WriteResponse("answer"u8.ToArray());

        Assert.True(exchange.IsTruncated);
        Assert.False(spool.IsWritable);
        Assert.Null(spool.Begin(Head("e2"), "request"u8.ToArray(), null));
        Assert.Equal(1, spool.Dropped);
    }

    [Fact]
    public void A_copy_with_a_hole_takes_nothing_but_its_end()
    {
        using var spool = Open();
        var exchange = spool.Begin(Head("e1"), "request"u8.ToArray(), null)!;
        exchange.WriteResponse("before "u8.ToArray());
        exchange.MarkTruncated();
        exchange.WriteResponse("after"u8.ToArray());
        exchange.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 1, false));

        Assert.Equal("before ", Encoding.UTF8.GetString(exchange.Read().Answer));
        Assert.True(exchange.Read().Tail.Truncated);
    }

    [Fact]
    public async Task Many_calls_write_at_once()
    {
        using var spool = Open();
        await Parallel.ForAsync(0, 200, (i, _) =>
        {
            var text = string.Concat(Enumerable.Repeat($"piece of {i}. ", 50));
            var exchange = spool.Begin(Head("e" + i), Encoding.UTF8.GetBytes("request " + i), null)!;
            foreach (var piece in Encoding.UTF8.GetBytes(text).Chunk(17))
            {
                exchange.WriteResponse(piece);
            }

            Assert.Equal(text, Encoding.UTF8.GetString(exchange.Read().Answer));
            if (i % 2 == 0)
            {
                exchange.Release();
            }

            return ValueTask.CompletedTask;
        });

        Assert.Equal(100, spool.Pending);
        spool.Dispose();
        using var again = Open();
        Assert.All(again.TakeLeftovers(), e => Assert.Equal("request " + e.Head.ExchangeId[1..], Encoding.UTF8.GetString(e.Read().Request.Span)));
    }

    private static ExchangeHead Head(string id) => new()
    {
        ExchangeId = id,
        Tenant = "default",
        TaskId = "task",
        Dialect = DialectKind.AnthropicMessages,
        Provider = "anthropic",
        StartedAt = DateTimeOffset.UnixEpoch,
    };

    private static SpooledExchange Whole(Spool spool, string id, string request, params string[] answer)
    {
        var exchange = spool.Begin(Head(id), Encoding.UTF8.GetBytes(request), null)!;
        exchange.WriteResponseHead(new ResponseHead(200, "application/json", null, 5));
        foreach (var piece in answer)
        {
            exchange.WriteResponse(Encoding.UTF8.GetBytes(piece));
        }

        exchange.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 12, false));
        return exchange;
    }

    private Spool Open() => Open(1 << 30);

    private Spool Open(long maxBytes) => new(new SpoolOptions { MaxBytes = maxBytes }, _folder, _time, NullLogger<Spool>.Instance);
}
