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

    /// <summary>Bedrock's InvokeModel, <c>POST /model/ID/invoke</c> and <c>…/invoke-with-response-stream</c>; recorded as <see cref="AnthropicMessages"/>.</summary>
    BedrockInvoke,

    /// <summary>Bedrock's Converse, <c>POST /model/ID/converse</c> and <c>…/converse-stream</c>; recorded as <see cref="AnthropicMessages"/>.</summary>
    BedrockConverse,

    /// <summary>Gemini's Interactions, <c>POST …/interactions</c>; recorded as <see cref="OpenAiResponses"/>.</summary>
    GeminiInteractions,

    /// <summary>Ollama's own chat, <c>POST …/api/chat</c>; recorded as <see cref="OpenAiChat"/>.</summary>
    OllamaChat,
}
