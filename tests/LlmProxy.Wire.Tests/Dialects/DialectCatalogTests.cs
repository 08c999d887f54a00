using System.Text.Json;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

public sealed class DialectCatalogTests
{
    [Theory]
    [InlineData("POST", "/v1/messages", DialectKind.AnthropicMessages)]
    [InlineData("POST", "/anthropic/v1/messages/", DialectKind.AnthropicMessages)]
    [InlineData("POST", "/proxy/chat/completions", DialectKind.OpenAiChat)]
    [InlineData("POST", "/v1/responses?x=1", DialectKind.OpenAiResponses)]
    [InlineData("POST", "/v1beta/models/gemini:generateContent", DialectKind.Gemini)]
    [InlineData("POST", "/v1beta/models/gemini%3AstreamGenerateContent", DialectKind.Gemini)]
    [InlineData("GET", "/v1/messages", null)]
    [InlineData("POST", "/v1/messages/count_tokens", null)]
    [InlineData("POST", "/v1/messages/batches", null)]
    [InlineData("POST", "/v1/threads/thread_1/messages", null)]
    [InlineData("POST", "/v1/responses/resp_1/cancel", null)]
    [InlineData("POST", "/v1/completions", null)]
    [InlineData("POST", "/v1beta/models/gemini:batchGenerateContent", null)]
    public void Calls_are_recognised_by_method_and_end_of_path(string method, string path, DialectKind? kind)
        => Assert.Equal(kind, DialectCatalog.Recognize(method, path));

    [Fact]
    public void Each_kind_has_its_dialect()
        => Assert.All(Enum.GetValues<DialectKind>(), kind => Assert.Equal(kind, DialectCatalog.Get(kind).Kind));

    [Fact]
    public void Each_dialect_is_found_by_its_name()
    {
        Assert.Equal(["anthropic-messages", "openai-chat", "openai-responses", "gemini"], DialectCatalog.All.Select(dialect => dialect.Name));
        Assert.All(DialectCatalog.All, dialect => Assert.Same(dialect, DialectCatalog.Find(dialect.Name)));
        Assert.Null(DialectCatalog.Find("openai"));
        Assert.Null(DialectCatalog.Find(null));
    }

    [Theory]
    [InlineData("anthropic", DialectKind.AnthropicMessages, "anthropic", "chat")]
    [InlineData("openai", DialectKind.OpenAiChat, "openai", "chat")]
    [InlineData("gemini", DialectKind.Gemini, "gcp.gemini", "generate_content")]
    [InlineData("mistral", DialectKind.OpenAiChat, "mistral", "chat")]
    public void A_provider_has_a_dialect_and_a_name_in_the_conventions(string provider, DialectKind kind, string name, string operation)
    {
        Assert.Equal(kind, DialectCatalog.OfProvider(provider).Kind);
        Assert.Equal(name, DialectCatalog.ProviderConventionOf(provider));
        Assert.Equal(operation, DialectCatalog.OfProvider(provider).OperationConvention);
    }

    [Fact]
    public void A_call_without_a_provider_gets_errors_of_chat_completions()
        => Assert.Equal(DialectKind.OpenAiChat, DialectCatalog.OfProvider(null).Kind);

    [Theory]
    [InlineData(DialectKind.AnthropicMessages, 502, """{"type":"error","error":{"type":"api_error","message":"no \"upstream\""}}""")]
    [InlineData(DialectKind.AnthropicMessages, 529, """{"type":"error","error":{"type":"overloaded_error","message":"no \"upstream\""}}""")]
    [InlineData(DialectKind.OpenAiChat, 502, """{"error":{"message":"no \"upstream\"","type":"server_error","param":null,"code":"bad_gateway"}}""")]
    [InlineData(DialectKind.OpenAiResponses, 429, """{"error":{"message":"no \"upstream\"","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}""")]
    [InlineData(DialectKind.Gemini, 502, """{"error":{"code":502,"message":"no \"upstream\"","status":"UNAVAILABLE"}}""")]
    [InlineData(DialectKind.Gemini, 504, """{"error":{"code":504,"message":"no \"upstream\"","status":"DEADLINE_EXCEEDED"}}""")]
    public void Errors_have_the_shape_of_their_dialect(DialectKind kind, int status, string json)
        => Assert.Equal(json, Wire.Text(DialectCatalog.Get(kind).FormatError(status, "no \"upstream\"")));

    [Fact]
    public void Errors_of_every_status_are_read_back_as_errors()
    {
        foreach (var dialect in DialectCatalog.All)
        {
            for (var status = 400; status < 600; status++)
            {
                var error = dialect.FormatError(status, "what\u0001\ud800");
                using var document = JsonDocument.Parse(error);
                var reply = Wire.Assemble(dialect.Kind, Wire.Text(error));
                Assert.NotNull(reply.Error);
                Assert.False(reply.IsComplete);
            }
        }
    }
}
