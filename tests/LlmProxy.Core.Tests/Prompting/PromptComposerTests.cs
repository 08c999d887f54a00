using System.Text;
using System.Text.Json;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Prompting;

public class PromptComposerTests
{
    private static readonly TemplateSet Bracketed = PromptSamples.Set(("openai.sbn", "{{ system.head }}<part>{{ system.tail }}"));

    [Fact]
    public void The_text_with_the_heading_is_rewritten_wherever_it_stands()
    {
        var request = Request("""["first", "second\n# OPERATING PRINCIPLES\nrest", "third"]""", defaultText: 0);

        var composition = Compose(request);

        Assert.True(composition.IsChange);
        Assert.Equal(request.SystemTexts[1].Literal, composition.Literal);
        Assert.Null(composition.Insertion);
        Assert.Equal("second\n# OPERATING PRINCIPLES\nrest", composition.SystemText);
        Assert.Equal("second\n<part># OPERATING PRINCIPLES\nrest", composition.NewText);
        Assert.Null(composition.Reason);
    }

    [Fact]
    public void Else_the_default_text()
    {
        var request = Request("""["first", "second \"quoted\"", "third"]""", defaultText: 1);

        var composition = Compose(request);

        Assert.Equal(request.SystemTexts[1].Literal, composition.Literal);
        Assert.Equal("second \"quoted\"<part>", composition.NewText);
    }

    [Fact]
    public void Without_any_text_one_is_inserted()
    {
        var insertion = new PromptInsertion(new ByteRange(1, 0), "a"u8.ToArray(), "b"u8.ToArray());

        var composition = Compose(Request("[]", defaultText: -1, insertion));

        Assert.Same(insertion, composition.Insertion);
        Assert.Null(composition.Literal);
        Assert.Equal("<part>", composition.NewText);
    }

    [Fact]
    public void Where_none_may_be_inserted_the_request_stays()
    {
        AssertNoChange("no-system-prompt", Compose(Request("[]", defaultText: -1)));
        AssertNoChange("no-system-prompt", Compose(Request("""["only"]""", defaultText: -1)));
    }

    [Fact]
    public void Without_a_template_the_request_stays() => AssertNoChange("no-template", Compose(Request("""["a"]""", 0), TemplateSet.Empty));

    [Fact]
    public void A_template_that_changes_nothing_leaves_the_bytes_alone()
    {
        var same = PromptSamples.Set(("openai.sbn", "{{ system.text }}"));

        AssertNoChange("unchanged", Compose(Request("""["a\u0062"]""", 0), same));
        AssertNoChange("unchanged", Compose(Request("[]", -1, new PromptInsertion(new ByteRange(0, 0), [], [])), same));
    }

    [Fact]
    public void A_template_that_fails_leaves_the_request_alone_and_says_why()
    {
        var broken = PromptSamples.Set(("openai.sbn", "{{ nothing.at.all }}"));

        var composition = Compose(Request("""["a"]""", 0), broken);

        AssertNoChange("template-failed", composition);
        Assert.Contains("openai.sbn(1,", composition.Error, StringComparison.Ordinal);
        AssertNoChange("template-failed", Compose(Request("[]", -1, new PromptInsertion(new ByteRange(0, 0), [], [])), broken));
    }

    private static void AssertNoChange(string reason, PromptComposition composition)
    {
        Assert.Equal(reason, composition.Reason?.ToWord());
        Assert.False(composition.IsChange);
        Assert.Null(composition.NewText);
        Assert.Null(composition.Literal);
        Assert.Null(composition.Insertion);
    }

    private static PreparedPrompt Prepare(TemplateSet set) => PromptRenderer.Prepare(set, PromptSamples.Values("openai"));

    private static PromptComposition Compose(RequestReading request, TemplateSet? set = null)
        => PromptComposer.Compose(request, PromptSamples.Heading, Prepare(set ?? Bracketed));

    /// <summary>A request whose body is a JSON list of its system texts.</summary>
    private static RequestReading Request(string body, int defaultText, PromptInsertion? insertion = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var texts = new List<PromptText>();
        var reader = new Utf8JsonReader(bytes);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                var start = (int)reader.TokenStartIndex;
                texts.Add(new PromptText(new ByteRange(start, (int)reader.BytesConsumed - start), texts.Count));
            }
        }

        return new RequestReading
        {
            Body = bytes,
            SystemTexts = texts,
            DefaultSystemText = defaultText,
            Insertion = insertion,
            ReadTools = () => [],
            ReadFirstUserText = () => "",
            ReadLastUserText = () => "",
        };
    }
}
