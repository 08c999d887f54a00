namespace LlmProxy.Wire;

/// <summary>The wire formats of completion calls that are understood.</summary>
public enum DialectKind
{
    /// <summary>Anthropic Messages, <c>POST …/messages</c>.</summary>
    AnthropicMessages,

    /// <summary>OpenAI Chat Completions, <c>POST …/chat/completions</c>.</summary>
    OpenAiChat,

    /// <summary>OpenAI Responses, <c>POST …/responses</c>.</summary>
    OpenAiResponses,

    /// <summary>Gemini, <c>POST …:generateContent</c> and <c>…:streamGenerateContent</c>.</summary>
    Gemini,
}
