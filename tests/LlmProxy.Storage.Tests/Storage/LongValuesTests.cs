using System.Text;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Tests.Storage;

/// <summary>What is cut out of a message before it is stored, and that it comes back to the byte.</summary>
public sealed class LongValuesTests
{
    private static readonly string Digits = Convert.ToBase64String(SampleRuns.Image);

    [Theory]
    [InlineData(ValueForm.Base64)]
    [InlineData(ValueForm.Base64 | ValueForm.UrlAlphabet)]
    [InlineData(ValueForm.Base64 | ValueForm.EscapedSlash)]
    [InlineData(ValueForm.Base64 | ValueForm.EscapedPlus)]
    [InlineData(ValueForm.Base64 | ValueForm.EscapedSlash | ValueForm.EscapedPlus)]
    public void A_file_is_the_same_file_however_its_base64_is_written(object form)
    {
        var message = $$"""{"data":"{{Written((ValueForm)form)}}"}""";

        var part = Assert.Single(Cut(message)!.Parts);

        Assert.Equal(ContentHash.Of(SampleRuns.Image), part.Hash);
        Assert.Equal(message, Restored(message));
    }

    [Theory]
    [InlineData("data:image/png;base64,", "")]
    [InlineData("data:application/pdf;name=a.pdf;base64,", "")]
    public void A_file_in_a_URL_is_cut_out_behind_the_head_of_the_URL(string head, string tail)
    {
        var message = $$"""[{"a":1,"url":"{{head}}{{Digits}}{{tail}}"}, "ü"]""";

        Assert.Equal(ContentHash.Of(SampleRuns.Image), Assert.Single(Cut(message)!.Parts).Hash);
        Assert.Equal(message, Restored(message));
    }

    [Theory]
    [MemberData(nameof(NoFiles))]
    public void What_cannot_be_written_again_in_the_same_way_is_kept_as_text(string value)
    {
        var message = $$"""{"text":"{{value}}"}""";

        Assert.Equal(value, Encoding.UTF8.GetString(Assert.Single(Cut(message)!.Parts).Bytes.Span));
        Assert.Equal(message, Restored(message));
    }

    public static TheoryData<string> NoFiles() =>
    [
        Digits[..^1],
        Digits + "=",
        Digits.Insert(100, @"\n"),
        Digits.Insert(100, " "),
        Digits.Insert(Digits.IndexOf('/'), @"\"),
        Digits.Replace("+", @"\u002b"),
        Digits.Replace('+', '-'),
        "data:text/plain," + new string('x', LongValues.SmallestText),
        string.Concat(Enumerable.Repeat(@"A long line of a file.\n", 200)),
    ];

    [Fact]
    public void Several_values_stand_again_where_they_stood()
    {
        var text = string.Concat(Enumerable.Range(0, 500).Select(i => $"line {i} "));
        var message = $$"""{"{{text}}":"{{Digits}}","b":["{{text}}","short",{"c":"{{Digits}}"}],"d":{{new string('1', 3000)}}}""";

        Assert.Equal(3, Cut(message)!.Parts.Count());
        Assert.Equal(message, Restored(message));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"text":"short"}""")]
    [InlineData("{ that only begins like JSON: \"")]
    [InlineData("You are a careful agent.")]
    public void A_message_without_long_values_stays_whole(string start)
    {
        Assert.Null(Cut(start));
        Assert.Null(Cut(start + new string(' ', LongValues.SmallestText)));
    }

    [Fact]
    public void A_message_whose_value_is_gone_is_gone_too()
    {
        var stored = Cut($$"""{"data":"{{Digits}}"}""")!.Encode();

        Assert.Null(CutContent.Decode(stored.Bytes, stored.Length, new Dictionary<ContentHash, ReadOnlyMemory<byte>>()));
    }

    [Fact]
    public void A_damaged_row_is_named_as_such_whatever_is_wrong_with_it()
    {
        var cut = Cut($$"""{"data":"{{Digits}}","text":"{{new string('x', 5000)}}"}""")!;
        var stored = cut.Encode();
        var parts = cut.Parts.ToDictionary(p => p.Hash, p => p.Bytes);
        var random = new Random(1);
        var damaged = 0;
        for (var i = 0; i < 2000; i++)
        {
            var bytes = stored.Bytes.ToArray();
            // The hashes aside: what they name is not there then.
            bytes[i % 10 < 9 ? random.Next(9 + 5) : 9 + 37 + random.Next(5)] = (byte)random.Next(256);
            try
            {
                CutContent.Decode(bytes, stored.Length, parts);
            }
            catch (StoreException)
            {
                damaged++;
            }
        }

        Assert.InRange(damaged, 1000, 2000);
        Assert.Throws<StoreException>(() => CutContent.Decode(stored.Bytes[..8], stored.Length, parts));
        Assert.Throws<StoreException>(() => CutContent.Decode(stored.Bytes, stored.Length + 1, parts));
    }

    private static string Written(ValueForm form)
    {
        var text = form.HasFlag(ValueForm.UrlAlphabet) ? Digits.Replace('+', '-').Replace('/', '_') : Digits;
        text = form.HasFlag(ValueForm.EscapedSlash) ? text.Replace("/", @"\/") : text;
        return form.HasFlag(ValueForm.EscapedPlus) ? text.Replace("+", @"\u002B") : text;
    }

    private static CutContent? Cut(string message) => LongValues.Cut(Encoding.UTF8.GetBytes(message));

    private static string Restored(string message)
    {
        var cut = Cut(message)!;
        var stored = cut.Encode();
        var parts = cut.Parts.DistinctBy(p => p.Hash).ToDictionary(p => p.Hash, p => p.Bytes);
        Assert.Equal(ContentEncoding.Parts, stored.Encoding);
        Assert.Equal(parts.Keys.ToHashSet(), CutContent.PartsOf(stored.Bytes).ToHashSet());
        return Encoding.UTF8.GetString(CutContent.Decode(stored.Bytes, stored.Length, parts)!);
    }
}
