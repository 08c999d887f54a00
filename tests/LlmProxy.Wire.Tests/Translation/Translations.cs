using System.Buffers;
using System.Text;
using LlmProxy.Wire;
using LlmProxy.Wire.Translation;

namespace LlmProxy.Tests.Translation;

/// <summary>What the tests of translation share.</summary>
internal static class Translations
{
    public static readonly IReadOnlyDictionary<DialectKind, string> Models = new Dictionary<DialectKind, string>
    {
        [DialectKind.AnthropicMessages] = "claude-sonnet-4-5",
        [DialectKind.OpenAiChat] = "gpt-4.1",
        [DialectKind.OpenAiResponses] = "gpt-5.1",
        [DialectKind.Gemini] = "gemini-3-pro-preview",
    };

    public static string Minimal(DialectKind kind, bool stream) => kind switch
    {
        DialectKind.AnthropicMessages => $$"""{"model":"m","max_tokens":9,"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"x"}]}""",
        DialectKind.OpenAiChat => $$"""{"model":"m","stream":{{(stream ? "true" : "false")}},"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}""",
        DialectKind.OpenAiResponses => $$"""{"model":"m","stream":{{(stream ? "true" : "false")}},"input":"x"}""",
        _ => """{"contents":[{"role":"user","parts":[{"text":"x"}]}]}""",
    };

    public static string PathOf(DialectKind kind, bool stream = false) => kind switch
    {
        DialectKind.AnthropicMessages => "/v1/messages",
        DialectKind.OpenAiChat => "/v1/chat/completions",
        DialectKind.OpenAiResponses => "/v1/responses",
        _ => stream ? "/v1beta/models/m:streamGenerateContent?alt=sse" : "/v1beta/models/m:generateContent",
    };

    public static RequestTranslation Request(DialectKind source, string body, DialectKind target, bool stream = false, string? model = null) =>
        ConversationTranslator.Translate(source, Encoding.UTF8.GetBytes(body), PathOf(source, stream), new TranslationTarget { Dialect = target, Model = model ?? Models[target], Time = TimeProvider.System });

    public static string BodyOf(RequestTranslation translation)
    {
        Assert.Null(translation.Refusal);
        return Encoding.UTF8.GetString(translation.Body.Span);
    }

    /// <summary>A reply of the target as the client of a request gets it.</summary>
    public static string Reply(RequestTranslation request, string upstream, int status = 200, Func<int>? chunk = null)
    {
        var reply = request.CreateReply(status, null);
        var client = new ArrayBufferWriter<byte>();
        var bytes = Encoding.UTF8.GetBytes(upstream).AsSpan();
        while (bytes.Length > 0)
        {
            var length = Math.Min(bytes.Length, chunk?.Invoke() ?? bytes.Length);
            reply.Append(bytes[..length], client);
            bytes = bytes[length..];
        }

        reply.Complete(client);
        return Encoding.UTF8.GetString(client.WrittenSpan);
    }

    public static AssembledReply Assemble(DialectKind kind, string body)
    {
        var assembler = DialectCatalog.Get(kind).CreateAssembler(null, false);
        assembler.Append(Encoding.UTF8.GetBytes(body));
        return assembler.ToReply();
    }
}
