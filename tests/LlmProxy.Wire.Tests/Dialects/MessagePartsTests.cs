using System.Globalization;
using LlmProxy.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Dialects;

/// <summary>The one message model that records and exports are read from.</summary>
public sealed class MessagePartsTests(ITestOutputHelper output)
{
    private const string Pixel = "iVBORw0KGgo=";

    [Fact]
    public void Anthropic_blocks_become_parts_that_keep_their_json()
    {
        const string Json = $$$"""{"role":"user","content":[{"type":"text","text":"Look:"},{"type":"image","source":{"type":"base64","media_type":"image\/png","data":"{{{Pixel}}}"}},{"type":"document","source":{}},{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"two"},{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]},{"type":"search_result","title":"x"}]}""";
        var parts = Read(DialectKind.AnthropicMessages, Json).Parts;

        Assert.Equal(["TextPart", "ImagePart", "OtherPart", "ToolResult", "OtherPart"], parts.Select(part => part.GetType().Name));
        Assert.All(parts, part => Assert.Contains(Wire.Text(part.NativeJson), Json, StringComparison.Ordinal));
        var image = Assert.IsType<ImagePart>(parts[1]).Image;
        Assert.Equal(("image/png", Pixel, null, 9), (image.MediaType, image.Base64, image.Url, image.ByteCount));
        Assert.Equal("[document]", Assert.IsType<OtherPart>(parts[2]).Mark);
        var result = Assert.IsType<ToolResult>(parts[3]);
        Assert.Equal(("two\n[image]", "https://x/y.png"), (result.Content, Assert.Single(result.Images).Url));
        Assert.Null(Assert.IsType<OtherPart>(parts[4]).Mark);
    }

    [Fact]
    public void Chat_refusals_and_images_are_parts_but_no_text()
    {
        var message = Read(DialectKind.OpenAiChat, $$$"""{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"No."},{"type":"refusal","refusal":"I must not."},{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{Pixel}}}"} }],"function_call":{"name":"f","arguments":"{}"}}""");

        Assert.Equal(("No.", "hm"), (message.Text, message.Reasoning));
        Assert.Equal(["ThinkingPart", "TextPart", "RefusalPart", "ImagePart", "ToolCall"], message.Parts.Select(part => part.GetType().Name));
        var image = message.Parts.OfType<ImagePart>().Single().Image;
        Assert.Equal(("image/png", Pixel), (image.MediaType, image.Base64));
        var call = Assert.Single(message.ToolCalls);
        Assert.Equal(("f#1", "f"), (call.Id, call.ResultId));
    }

    [Fact]
    public void A_call_that_the_provider_answered_is_marked()
    {
        var message = Read(DialectKind.OpenAiResponses, """[{"type":"function_call","call_id":"a","name":"own","arguments":"{}"},{"type":"shell_call","call_id":"b","action":{}},{"type":"shell_call_output","call_id":"b","output":"done"}]""");

        Assert.Equal([("a", false), ("b", true)], message.ToolCalls.Select(call => (call.Id, call.IsAnswered)));
        Assert.Empty(message.ToolResults);
    }

    [Theory]
    [InlineData("""{"output":"x"}""", "x", null)]
    [InlineData("""{"output":"x","took":1}""", "x", """{"output":"x","took":1}""")]
    [InlineData("""{"name":"f","content":[1]}""", "[1]", """{"name":"f","content":[1]}""")]
    [InlineData("""{"rows":2}""", """{"rows":2}""", null)]
    [InlineData("""{"error":"no","took":1}""", "no", null)]
    public void A_gemini_result_keeps_what_is_not_its_essence(string response, string content, string? whole)
    {
        var result = Assert.Single(Read(DialectKind.Gemini, $$$"""{"role":"user","parts":[{"functionResponse":{"name":"f","response":{{{response}}}}}]}""").ToolResults);

        Assert.Equal((content, whole), (result.Content, result.WholeContent));
    }

    [Fact]
    public void Gemini_data_of_a_result_is_an_image_or_a_mark()
    {
        var result = Assert.Single(Read(DialectKind.Gemini, $$$"""{"parts":[{"functionResponse":{"name":"f","response":{},"parts":[{"inlineData":{"mimeType":"image/png","data":"{{{Pixel}}}"}},{"file_data":{"mime_type":"audio/wav","file_uri":"gs://a"}},{}]}}]}""").ToolResults);

        Assert.Equal(("{}\n[image]\n[audio]", true, Pixel), (result.Content, result.HasImage, Assert.Single(result.Images).Base64));
    }

    [Fact]
    public void Only_anthropic_tools_keep_their_definition()
    {
        const string Tools = """[{"type":"web_search_20250305","name":"web_search"},{"type":"mcp_toolset"}]""";

        Assert.Equal(["""{"type":"web_search_20250305","name":"web_search"}""", ""], DialectCatalog.Get(DialectKind.AnthropicMessages).ReadTools(Wire.Bytes(Tools)).Select(tool => Wire.Text(tool.NativeJson)));
        Assert.All(DialectCatalog.Get(DialectKind.OpenAiResponses).ReadTools(Wire.Bytes(Tools)), tool => Assert.Equal(0, tool.NativeJson.Length));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}x")]
    public void What_is_no_message_has_no_key(string json)
    {
        using var keys = new TurnKeys(Wire.Secret);
        Assert.All(DialectCatalog.All, dialect => Assert.Equal(TurnKey.Empty, dialect.KeyOf(Wire.Bytes(json), keys)));
    }

    [SharedDataFact]
    public void A_stored_message_has_the_key_that_it_had_in_its_request()
    {
        using var keys = new TurnKeys(Wire.Secret);
        var messages = 0;
        foreach (var recording in Recording.All.Where(r => r.Request is not null))
        {
            if (recording.Dialect.ReadRequest(recording.Request, recording.Path, keys) is { } reading)
            {
                for (var i = 0; i < reading.Messages.Count; i++)
                {
                    Assert.Equal(reading.Messages[i].Key, recording.Dialect.KeyOf(reading.ReadMessage(i).Json, keys));
                    messages++;
                }
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{messages} messages"));
        Assert.True(messages > 1000);
    }

    private static ConversationMessage Read(DialectKind kind, string json) => DialectCatalog.Get(kind).ReadMessage(Wire.Bytes(json));
}
