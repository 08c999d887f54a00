using System.Globalization;
using System.Text;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Replies;

/// <summary>Error objects in the shapes that the vendors' SDKs read.</summary>
internal static class DialectErrors
{
    /// <summary>platform.claude.com, "Errors".</summary>
    public static byte[] Anthropic(int status, string message)
    {
        var type = status switch
        {
            400 or 422 or 426 or 431 => "invalid_request_error",
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            408 or 504 => "timeout_error",
            503 or 529 => "overloaded_error",
            _ => "api_error",
        };
        return Join("{\"type\":\"error\",\"error\":{\"type\":", type, ",\"message\":", message, "}}");
    }

    /// <summary>OpenAI API reference, "Error codes"; for both of its dialects.</summary>
    public static byte[] OpenAi(int status, string message)
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
        return Join("{\"error\":{\"message\":", message, ",\"type\":", type, ",\"param\":null,\"code\":", code, "}}");
    }

    /// <summary>google.rpc.Status and google.rpc.Code (googleapis, google/rpc/code.proto).</summary>
    public static byte[] Gemini(int status, string message)
    {
        var name = status switch
        {
            400 or 431 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            408 or 504 => "DEADLINE_EXCEEDED",
            409 => "ABORTED",
            413 => "INVALID_ARGUMENT",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            501 => "UNIMPLEMENTED",
            502 or 503 or 529 => "UNAVAILABLE",
            >= 400 and < 500 => "FAILED_PRECONDITION",
            _ => "INTERNAL",
        };
        return Join($"{{\"error\":{{\"code\":{status.ToString(CultureInfo.InvariantCulture)},\"message\":", message, ",\"status\":", name, "}}");
    }

    /// <summary>Every second piece is a text, which becomes a literal.</summary>
    private static byte[] Join(params ReadOnlySpan<string> pieces)
    {
        using var buffer = new ByteBuffer(256);
        for (var i = 0; i < pieces.Length; i++)
        {
            if (i % 2 == 0)
            {
                buffer.Append(Encoding.UTF8.GetBytes(pieces[i]));
            }
            else
            {
                JsonText.AppendLiteral(buffer, pieces[i]);
            }
        }

        return buffer.ToArray();
    }
}
