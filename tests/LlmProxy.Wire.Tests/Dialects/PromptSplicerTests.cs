using System.Text;
using System.Text.Json;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

public sealed class PromptSplicerTests
{
    [Theory]
    [InlineData("plain")]
    [InlineData("quote \" backslash \\ slash / line\r\n tab\t \b\f\u0000\u001f\u007f")]
    [InlineData("ä € 😀 \u2028")]
    [InlineData("")]
    public void A_text_comes_back_as_it_was_put_in(string text)
    {
        var body = Wire.Bytes("""{"messages":[{"role":"system","content":"x"}],"n":1.50}""");
        var literal = Wire.Read(DialectKind.OpenAiChat, Encoding.UTF8.GetString(body)).SystemTexts[0].Literal;

        var changed = PromptSplicer.Replace(body, literal, text);

        using var document = JsonDocument.Parse(changed);
        Assert.Equal(text, document.RootElement.GetProperty("messages")[0].GetProperty("content").GetString());
        var again = Wire.Read(DialectKind.OpenAiChat, Encoding.UTF8.GetString(changed));
        Assert.Equal(text, PromptSplicer.ReadText(again.Body, again.SystemTexts[0].Literal));
    }

    [Fact]
    public void Half_a_surrogate_pair_survives()
    {
        var reading = Wire.Read(DialectKind.OpenAiChat, """{"messages":[{"role":"system","content":"cut \ud83d"}]}""");
        var text = PromptSplicer.ReadText(reading.Body, reading.SystemTexts[0].Literal);

        Assert.Equal("cut \ud83d", text);
        Assert.Equal("""{"messages":[{"role":"system","content":"cut \ud83d!"}]}""", Wire.Rewrite(reading, text + "!"));
    }

    [Fact]
    public void Text_that_is_not_ascii_stays_utf8_and_only_what_must_be_is_escaped()
        => Assert.Equal(
            """{"messages":[{"role":"system","content":"ä😀/'<>\n\""}]}""",
            Wire.Rewrite(Wire.Read(DialectKind.OpenAiChat, """{"messages":[{"role":"system","content":"x"}]}"""), "ä😀/'<>\n\""));

    [Theory]
    [InlineData(DialectKind.AnthropicMessages, "{\"messages\":[]}")]
    [InlineData(DialectKind.OpenAiChat, "{\"messages\":[]}")]
    [InlineData(DialectKind.OpenAiResponses, "{\"input\":[]}")]
    [InlineData(DialectKind.Gemini, "{\"contents\":[]}")]
    public void A_byte_order_mark_in_front_survives(DialectKind kind, string body)
    {
        var changed = Wire.Rewrite(Wire.Read(kind, "\uFEFF" + body), "NEW");

        Assert.StartsWith("\uFEFF{", changed, StringComparison.Ordinal);
        Assert.Equal("NEW", DialectCatalog.Get(kind).ReadContent(Wire.Bytes(changed))!.SystemPrompt);
    }
}
