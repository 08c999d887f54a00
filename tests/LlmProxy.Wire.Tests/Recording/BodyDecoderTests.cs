using System.IO.Compression;
using System.Text;
using LlmProxy.Wire.ContentEncoding;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace LlmProxy.Tests.Recording;

public sealed class BodyDecoderTests
{
    private static readonly byte[] Text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 60).Select(i => $"data: {{\"delta\":\"piece {i * 7919 % 1000}\"}}\n\n")));

    public static TheoryData<string> Encodings => ["gzip", "x-gzip", "GZIP", "deflate", "br", "zstd", "ZSTD", "identity", "", "deflate, gzip", "gzip, br", "gzip, zstd", "zstd, br"];

    [Theory]
    [MemberData(nameof(Encodings))]
    public void An_answer_is_decoded_wherever_it_is_split(string encoding)
    {
        var encoded = Encode(Text, encoding);
        for (var split = 0; split <= encoded.Length; split++)
        {
            Assert.Equal(Text, Decode(encoding, encoded.AsSpan(0, split).ToArray(), encoded.AsSpan(split).ToArray()));
        }
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void An_answer_is_decoded_byte_by_byte(string encoding) =>
        Assert.Equal(Text, Decode(encoding, [.. Encode(Text, encoding).Select(b => new[] { b })]));

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("zstd")]
    public void What_the_server_has_flushed_is_known_before_the_rest_comes(string encoding)
    {
        using var encoded = new MemoryStream();
        using var encoder = Encoder(encoded, encoding);
        encoder.Write("event one"u8);
        encoder.Flush();
        using var decoder = BodyDecoder.Create(encoding)!;
        using var output = new MemoryStream();

        decoder.Decode(encoded.ToArray(), static (piece, into) => into.Write(piece), output);

        Assert.Equal("event one", Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public void Bare_deflate_is_known_from_the_one_of_the_standard()
    {
        using var encoded = new MemoryStream();
        using (var encoder = new DeflateStream(encoded, CompressionLevel.Optimal, leaveOpen: true))
        {
            encoder.Write(Text);
        }

        Assert.Equal(Text, Decode("deflate", [.. encoded.ToArray().Select(b => new[] { b })]));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public void Several_members_are_one_body(string encoding) =>
        Assert.Equal([.. Text, .. Text], Decode(encoding, [.. Encode(Text, encoding).Concat(Encode(Text, encoding)).Select(b => new[] { b })]));

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("deflate")]
    [InlineData("zstd")]
    public void Broken_data_ends_the_decoding_and_throws_nothing(string encoding)
    {
        using var decoder = BodyDecoder.Create(encoding)!;
        using var output = new MemoryStream();

        decoder.Decode("this is not compressed at all, it only says so"u8, static (piece, into) => into.Write(piece), output);
        decoder.Decode("more"u8, static (piece, into) => into.Write(piece), output);

        Assert.True(decoder.IsBroken);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public void What_came_before_the_cut_stands(string encoding)
    {
        // Several members, since a small one of zstd is a single block.
        var encoded = (byte[])[.. Encode(Text, encoding), .. Encode(Text, encoding)];

        var decoded = BodyDecoder.DecodeAll(encoded.AsMemory(0, encoded.Length * 3 / 4), encoding)!.Value.ToArray();

        Assert.InRange(decoded.Length, Text.Length, (Text.Length * 2) - 1);
        Assert.True(((byte[])[.. Text, .. Text]).AsSpan().StartsWith(decoded));
    }

    [Theory]
    [InlineData("dcz")]
    [InlineData("gzip, dcz")]
    [InlineData("compress")]
    [InlineData("gzip, gzip, gzip")]
    [InlineData("br,identity,br,,br")]
    public void Unknown_encoding_is_reported(string encoding)
    {
        Assert.Null(BodyDecoder.Create(encoding));
        Assert.Null(BodyDecoder.DecodeAll(Text, encoding));
    }

    [Theory]
    [InlineData("gzip,gzip", "gzip")]
    [InlineData("identity, gzip , ,GZIP", "gzip")]
    public void Two_encodings_are_undone_whatever_stands_between_them(string encoding, string coding) =>
        Assert.Equal(Text, Decode(encoding, Encode(Encode(Text, coding), coding)));

    [Theory]
    [InlineData(1_000, false)]
    [InlineData(999, true)]
    public void A_body_may_decode_to_a_limit_and_no_further(int most, bool isTooLarge)
    {
        var result = BodyDecoder.TryDecodeAll(Encode(new byte[1_000], "gzip"), "gzip", most, _ => true, out var decoded);

        Assert.Equal(isTooLarge ? DecodeResult.TooLarge : DecodeResult.Decoded, result);
        Assert.InRange(decoded.Length, isTooLarge ? 0 : 1_000, most);
    }

    [Fact]
    public void Decoding_ends_where_no_memory_can_be_reserved()
    {
        var reserved = 0;

        var result = BodyDecoder.TryDecodeAll(Encode(new byte[1 << 20], "gzip"), "gzip", 1 << 30, bytes => (reserved += bytes) <= 100_000, out var decoded);

        Assert.Equal(DecodeResult.TooLarge, result);
        Assert.InRange(decoded.Length, 0, 100_000);
        Assert.InRange(reserved, 100_000, 150_000);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("zstd")]
    [InlineData("zstd, gzip")]
    public void A_few_bytes_that_hold_gigabytes_are_given_up(string encoding)
    {
        using var inner = new MemoryStream();
        using (var encoder = Encoder(inner, encoding.Split(',')[0]))
        {
            var blanks = new byte[1 << 20];
            for (var i = 0; i < 300; i++)
            {
                encoder.Write(blanks);
            }
        }

        var bomb = encoding.Contains(',', StringComparison.Ordinal) ? Encode(inner.ToArray(), "gzip") : inner.ToArray();
        using var decoder = BodyDecoder.Create(encoding)!;
        long decoded = 0;
        decoder.Decode<object?>(bomb, (piece, _) => decoded += piece.Length, null);

        Assert.True(decoder.IsBroken);
        Assert.InRange(decoded, 1, BodyDecoder.MaxDecodedBytes);
    }

    [Theory]
    [InlineData(23, false)]
    [InlineData(24, true)]
    public void A_zstd_window_above_8_MiB_is_refused(int windowLog, bool isRefused)
    {
        using var encoded = new MemoryStream();
        using (var encoder = new CompressionStream(encoded, leaveOpen: true))
        {
            encoder.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, windowLog);
            encoder.Write("a"u8);
            encoder.Flush();
            encoder.Write(Text);
        }

        using var decoder = BodyDecoder.Create("zstd")!;
        decoder.Decode<object?>(encoded.ToArray(), static (_, _) => { }, null);

        Assert.Equal(isRefused, decoder.IsBroken);
    }

    private static byte[] Decode(string encoding, params byte[][] pieces)
    {
        using var decoder = BodyDecoder.Create(encoding)!;
        using var output = new MemoryStream();
        foreach (var piece in pieces)
        {
            decoder.Decode(piece, static (decoded, into) => into.Write(decoded), output);
        }

        Assert.False(decoder.IsBroken);
        return output.ToArray();
    }

    private static byte[] Encode(byte[] bytes, string encodings)
    {
        foreach (var encoding in encodings.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            using var encoded = new MemoryStream();
            using (var encoder = Encoder(encoded, encoding))
            {
                encoder.Write(bytes);
            }

            bytes = encoded.ToArray();
        }

        return bytes;
    }

    private static Stream Encoder(Stream into, string encoding) => encoding.ToLowerInvariant() switch
    {
        "gzip" or "x-gzip" => new GZipStream(into, CompressionLevel.Optimal, leaveOpen: true),
        "deflate" => new ZLibStream(into, CompressionLevel.Optimal, leaveOpen: true),
        "br" => new BrotliStream(into, CompressionLevel.Optimal, leaveOpen: true),
        "zstd" => new CompressionStream(into, leaveOpen: true),
        _ => new BufferedStream(into),
    };
}
