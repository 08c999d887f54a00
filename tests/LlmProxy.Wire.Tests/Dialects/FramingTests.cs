using System.Text;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Tests.Dialects;

public sealed class FramingTests
{
    [Theory]
    [InlineData("data: a\n\ndata: b\n\n", "|a;|b")]
    [InlineData("event: x\r\ndata: a\r\ndata:b\r\n\r\n", "x|a\nb")]
    [InlineData("event: x\rdata: a\rdata:b\r\r", "x|a\nb")]
    [InlineData(": comment\nid: 7\nretry: 1\ndata: a\n\nevent: lost\n\ndata: b\n\n", "|a;|b")]
    [InlineData("data: ä😀\n\n", "|ä😀")]
    [InlineData("data: not closed\n", "")]
    [InlineData("data: {\"whole\":1}", "|{\"whole\":1}")]
    [InlineData("data: {\"half\":", "")]
    public void Events_are_read_as_the_standard_says_however_they_are_split(string stream, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(stream);
        for (var size = 1; size <= bytes.Length; size++)
        {
            var events = new List<string>();
            var reader = new SseReader((name, data) => events.Add(name + "|" + Encoding.UTF8.GetString(data.Span)));
            for (var at = 0; at < bytes.Length; at += size)
            {
                reader.Append(bytes.AsSpan(at, Math.Min(size, bytes.Length - at)));
            }

            reader.Flush();
            reader.Flush();
            Assert.Equal(expected, string.Join(';', events));
        }
    }

    [Fact]
    public void An_event_that_was_taken_early_is_not_taken_again_when_its_end_comes()
    {
        var events = new List<string>();
        var reader = new SseReader((_, data) => events.Add(Encoding.UTF8.GetString(data.Span)));
        reader.Append("data: {\"a\":1}"u8);
        reader.Flush();
        reader.Append("\n"u8);
        reader.Flush();
        reader.Append("\ndata: {\"b\":2}\n\n"u8);

        Assert.Equal(["{\"a\":1}", "{\"b\":2}"], events);
    }

    [Theory]
    [InlineData("{\"b\":1.0,\"a\":\"x\\u0041\\/\",\"n\":null}", " { \"a\" : \"xA/\" , \"b\" : 1 } ", true)]
    [InlineData("{\"a\":1,\"a\":2}", "{\"a\":2}", true)]
    [InlineData("[1,{\"cache_control\":{}}]", "[1.0e0,{}]", true)]
    [InlineData("{\"a\":\"\\n\"}", "{\"a\":\"\\u000a\"}", true)]
    [InlineData("{\"a\":[1,2]}", "{\"a\":[2,1]}", false)]
    [InlineData("{\"a\":\"1\"}", "{\"a\":1}", false)]
    [InlineData("{\"a\":12345678901}", "{\"a\":12345678902}", false)]
    [InlineData("{\"a\":{\"b\":1}}", "{\"a\":{},\"b\":1}", false)]
    [InlineData("{\"a\":", "{\"a\": ", false)]
    public void Json_that_means_the_same_has_one_form(string left, string right, bool same)
        => Assert.Equal(same, CanonicalJson.Of(Encoding.UTF8.GetBytes(left)) == CanonicalJson.Of(Encoding.UTF8.GetBytes(right)));

    [Theory]
    [InlineData("""{"a":1,"cache_control":{"x":[1]},"b":2}""", """{"a":1,"b":2}""")]
    [InlineData("""{"cache_control":null, "b":1.50}""", """{"b":1.50}""")]
    [InlineData("""{"cache_control":1,"cache_control":2,"b":"\u0041"}""", """{"b":"\u0041"}""")]
    [InlineData("""{"a":[ 1 ],  "cache_control":{}}""", """{"a":[ 1 ]}""")]
    [InlineData("""[{"cache_control":{}},{"a":{"cache_control":1,"cache_control":1},"cache_control":3}]""", """[{},{"a":{}}]""")]
    [InlineData("""{"input":{"cache_control":"mine"},"cache_control":{}}""", """{"input":{"cache_control":"mine"}}""")]
    [InlineData("""{"text":"cache_control"}""", """{"text":"cache_control"}""")]
    [InlineData("""{"cache_control":""", """{"cache_control":""")]
    public void Cache_marks_are_cut_out_and_all_other_bytes_stay(string before, string after)
        => Assert.Equal(after, Encoding.UTF8.GetString(JsonCutter.WithoutCacheControl(Encoding.UTF8.GetBytes(before))));
}
