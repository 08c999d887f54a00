namespace LlmProxy.Wire.Replies;

/// <summary>Error objects of OpenAI's two dialects.</summary>
internal static class OpenAiErrors
{
    /// <summary>OpenAI API reference, "Error codes".</summary>
    public static byte[] Format(int status, string message)
    {
        var (type, code) = status switch
        {
            401 => ("invalid_request_error", "invalid_api_key"),
            403 => ("invalid_request_error", "permission_denied"),
            404 => ("invalid_request_error", "not_found"),
            408 or 504 => ("server_error", "timeout"),
            413 => ("invalid_request_error", "request_too_large"),
            429 => ("rate_limit_error", "rate_limit_exceeded"),
            502 => ("server_error", "bad_gateway"),
            503 => ("server_error", "service_unavailable"),
            >= 400 and < 500 => ("invalid_request_error", "invalid_request"),
            _ => ("server_error", "server_error"),
        };
        return ReplyJson.Join("{\"error\":{\"message\":", message, ",\"type\":", type, ",\"param\":null,\"code\":", code, "}}");
    }
}
