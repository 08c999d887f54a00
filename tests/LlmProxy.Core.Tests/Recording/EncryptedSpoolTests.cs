using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Recording;

/// <summary>A spool whose bodies cannot be read on the disk.</summary>
public sealed class EncryptedSpoolTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "llmproxy-spool-" + Guid.NewGuid().ToString("N"));
    private readonly TestClock _time = new();
    private readonly FakeLogger<Spool> _log = new();
    private readonly byte[] _master = RandomNumberGenerator.GetBytes(32);

    private string[] Segments => [.. Directory.GetFiles(_folder, "*.spool").Order(StringComparer.Ordinal)];

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void Nothing_of_an_exchange_can_be_read_on_the_disk_and_all_of_it_comes_back()
    {
        var large = new string('x', 100_000) + "canary-large";
        using (var killed = Open())
        {
            Whole(killed, "e1", "canary-request", "canary-prompt", "canary-ans", "wer");
            var live = Whole(killed, "e2", large, null, large);
            Assert.Equal(large, Encoding.UTF8.GetString(live.Read().Request.Span));
        }

        var bytes = string.Concat(Segments.Select(file => Encoding.Latin1.GetString(File.ReadAllBytes(file))));
        Assert.True(bytes.Length > 200_000);
        foreach (var text in new[] { "canary", "anthropic", "claude", "text/event-stream", "tenant", "task-1", new string('x', 40) })
        {
            Assert.DoesNotContain(text, bytes, StringComparison.OrdinalIgnoreCase);
        }

        using var spool = Open();
        var left = spool.TakeLeftovers();
        Assert.Equal(["e1", "e2"], left.Select(e => e.Head.ExchangeId));
        var read = left[0].Read();
        Assert.Equal(("canary-request", "canary-prompt", "canary-answer", 200), (Encoding.UTF8.GetString(read.Request.Span), read.SentPrompt, Encoding.UTF8.GetString(read.Answer), read.ResponseHead!.Status));
        Assert.Equal(new ExchangeTail(ExchangeOutcome.Complete, 12, false), read.Tail);
        Assert.Equal(large, Encoding.UTF8.GetString(left[1].Read().Answer));
        Assert.Equal(0, spool.Dropped);
    }

    [Fact]
    public void Plain_and_encrypted_segments_of_earlier_processes_are_read_together()
    {
        foreach (var (name, encrypt) in new[] { ("plain", false), ("encrypted", true), ("plain again", false), ("other key", true) })
        {
            using var killed = Open(encrypt);
            Whole(killed, name, "request of " + name, null, "answer of " + name);
        }

        // Whether this process encrypts makes no difference.
        foreach (var encrypt in new[] { false, true })
        {
            using var spool = Open(encrypt);
            var left = spool.TakeLeftovers();
            Assert.Equal(["plain", "encrypted", "plain again", "other key"], left.Select(e => e.Head.ExchangeId));
            Assert.All(left, e => Assert.Equal("answer of " + e.Head.ExchangeId, Encoding.UTF8.GetString(e.Read().Answer)));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Segments_whose_key_is_missing_are_one_error_counted_and_kept_until_it_is_back(bool encrypt)
    {
        for (var process = 0; process < 2; process++)
        {
            using var killed = Open();
            Whole(killed, $"{process}-1", "request", null, "answer");
            Whole(killed, $"{process}-2", "request", null, "answer");
        }

        var files = Segments.Select(f => (f, Convert.ToHexString(File.ReadAllBytes(f)))).ToList();
        using (var spool = Open(encrypt, keys: Protection(RandomNumberGenerator.GetBytes(32))))
        {
            Assert.Empty(spool.TakeLeftovers());
            Assert.Equal((4, 0, 0), (spool.Dropped, spool.Pending, spool.Bytes));
            var error = Assert.Single(_log.Collector.GetSnapshot(), e => e.Level == Microsoft.Extensions.Logging.LogLevel.Error);
            Assert.Equal((4109, "2", "4"), (error.Id.Id, error.GetStructuredStateValue("Segments"), error.GetStructuredStateValue("Exchanges")));
            Assert.Contains("Spool:KeyDirectory", error.Message, StringComparison.Ordinal);
            // New exchanges are recorded in segments of their own.
            Whole(spool, "later", "request", null, "answer");
        }

        Assert.Equal(files, Segments.Take(2).Select(f => (f, Convert.ToHexString(File.ReadAllBytes(f)))));
        using var restored = Open();
        var left = restored.TakeLeftovers();
        Assert.Equal(["0-1", "0-2", "1-1", "1-2"], left.Take(4).Select(e => e.Head.ExchangeId));
        Assert.All(left, e => Assert.Equal("answer", Encoding.UTF8.GetString(e.Read().Answer)));
    }

    [Fact]
    public void A_spool_that_cannot_protect_its_key_does_not_start_and_says_why()
    {
        var refused = Assert.Throws<IOException>(() => Open(keys: new SpoolKeyProtection(_ => throw new CryptographicException("No key."), k => k, "/the/keys")));
        var none = Assert.Throws<IOException>(() => new Spool(new SpoolOptions { Encrypt = true }, _folder, _time, _log));

        Assert.Contains("/the/keys cannot be used: No key. ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Spool:KeyDirectory", refused.Message, StringComparison.Ordinal);
        Assert.Contains("SpoolKeyProtection", none.Message, StringComparison.Ordinal);
        // The folder is free again.
        Open().Dispose();
    }

    [Fact]
    public void A_torn_tail_is_cut_off_wherever_the_process_stopped()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request 1", null, "answer 1");
            Whole(killed, "e2", "request 2", null, "answer 2");
        }

        var file = Assert.Single(Segments);
        var whole = File.ReadAllBytes(file);
        var known = 0;
        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(file, whole[..length]);
            using var spool = Open();
            var left = spool.TakeLeftovers();

            // As in a plain segment: what is whole is found, and nothing that a client has got is counted as lost.
            Assert.Equal(0, spool.Dropped);
            Assert.True(left.Count >= known, $"{left.Count} at {length}");
            known = left.Count;
            foreach (var exchange in left)
            {
                Assert.StartsWith("request ", Encoding.UTF8.GetString(exchange.Read().Request.Span), StringComparison.Ordinal);
            }
        }

        Assert.Equal(2, known);
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_counted_or_harmless_and_never_read_as_something_else()
    {
        using (var killed = Open())
        {
            Whole(killed, "e1", "request 1", null, "answer 1");
            Whole(killed, "e2", "request 2", null, "answer 2");
        }

        var file = Assert.Single(Segments);
        var whole = File.ReadAllBytes(file);
        for (var at = 0; at < whole.Length; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 4;
            File.WriteAllBytes(file, damaged);
            using var spool = Open();
            var left = spool.TakeLeftovers();

            foreach (var exchange in left)
            {
                using var read = exchange.Read();
                var number = exchange.Head.ExchangeId[1..];
                Assert.Equal("request " + number, Encoding.UTF8.GetString(read.Request.Span));
                Assert.True(read.Tail.Truncated || read.Tail.Outcome == ExchangeOutcome.ProxyStopped || Encoding.UTF8.GetString(read.Answer) == "answer " + number, $"byte {at}");
            }

            Assert.True(left.Count + spool.Dropped >= 2, $"byte {at}: {left.Count} found, {spool.Dropped} dropped");
            foreach (var later in Segments.Where(f => f != file))
            {
                File.Delete(later);
            }
        }
    }

    [Fact]
    public void A_record_that_was_changed_on_the_disk_is_not_read()
    {
        using var spool = Open();
        var exchange = Whole(spool, "e1", "request 1", null, "answer 1");
        var file = Assert.Single(Segments);
        var bytes = File.ReadAllBytes(file);
        var slice = bytes.Length - 40;
        using (var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            stream.Position = slice;
            stream.WriteByte((byte)(bytes[slice] ^ 1));
        }

        var error = Assert.Throws<IOException>(exchange.Read);
        Assert.Contains("changed on the disk", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_nonce_comes_twice_for_a_key_while_a_segment_is_emptied_and_written_again()
    {
        using var spool = Open();
        var stored = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 50; i++)
        {
            var exchange = Whole(spool, "e1", "request", null, "answer");
            var bytes = File.ReadAllBytes(Assert.Single(Segments));
            // The same text at the same place, encrypted differently each time.
            Assert.True(stored.Add(Convert.ToHexString(bytes[^200..])), $"{i}");
            exchange.Release();
        }
    }

    private Spool Open() => Open(encrypt: true);

    private Spool Open(bool encrypt = true, SpoolKeyProtection? keys = null) => new(new SpoolOptions { Encrypt = encrypt }, _folder, _time, _log, keys ?? Protection(_master));

    /// <summary>Protects keys with a master key.</summary>
    private static SpoolKeyProtection Protection(byte[] master) => new(
        key =>
        {
            using var aes = new AesGcm(master, 16);
            var kept = new byte[12 + key.Length + 16];
            RandomNumberGenerator.Fill(kept.AsSpan(0, 12));
            aes.Encrypt(kept.AsSpan(0, 12), key, kept.AsSpan(12, key.Length), kept.AsSpan(12 + key.Length));
            return kept;
        },
        kept =>
        {
            if (kept.Length < 28)
            {
                throw new CryptographicException("Too short.");
            }

            using var aes = new AesGcm(master, 16);
            var key = new byte[kept.Length - 28];
            aes.Decrypt(kept.AsSpan(0, 12), kept.AsSpan(12, key.Length), kept.AsSpan(12 + key.Length), key);
            return key;
        },
        "the test");

    private static SpooledExchange Whole(Spool spool, string id, string request, string? prompt, params string[] answer)
    {
        var exchange = spool.Begin(Head(id), Encoding.UTF8.GetBytes(request), prompt)!;
        exchange.WriteResponseHead(new ResponseHead(200, "text/event-stream", null, 5));
        foreach (var piece in answer)
        {
            exchange.WriteResponse(Encoding.UTF8.GetBytes(piece));
        }

        exchange.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 12, false));
        return exchange;
    }

    private static ExchangeHead Head(string id) => new()
    {
        ExchangeId = id,
        Tenant = "tenant",
        TaskId = "task-1",
        Dialect = DialectKind.AnthropicMessages,
        Provider = "anthropic",
        Model = "claude-sonnet-4",
        StartedAt = DateTimeOffset.UnixEpoch,
    };
}
