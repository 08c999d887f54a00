using System.Globalization;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Gemini;

/// <summary>Google's generateContent and streamGenerateContent (ai.google.dev/api/generate-content), also on Vertex AI.</summary>
internal sealed class GeminiDialect()
    : Dialect(DialectKind.Gemini, "gemini", "gemini", GeminiMessageReader.Instance, GeminiRequestReader.Read, GeminiRequestReader.Instance.ScanMessage)
{
    public override string ProviderConvention => "gcp.gemini";

    public override string OperationConvention => "generate_content";

    public override RequestPatterns Patterns { get; } = new()
    {
        WholePath = model => $"(/.*)?/models/{model}(:|%3A)generateContent",
        StreamPath = model => $"(/.*)?/models/{model}(:|%3A)streamGenerateContent",
        AreInBody = false,
        ResultOf = name => $"$.contents[*].parts[?(@.functionResponse.name == {name})]",
        AnyResult = "$.contents[*].parts[?(@.functionResponse)]",
    };

    public override bool IsCompletion(ReadOnlySpan<char> path) => GeminiPath.IsCompletion(path);

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new GeminiAssembler();

    public override bool StreamsAsArray(string target)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        return query < 0 || !target[(query + 1)..].Split('&').Contains("alt=sse", StringComparer.OrdinalIgnoreCase);
    }

    public override byte[] FormatError(int status, string message)
    {
        // google.rpc.Status and google.rpc.Code (googleapis, google/rpc/code.proto).
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
        return ReplyJson.Join($"{{\"error\":{{\"code\":{status.ToString(CultureInfo.InvariantCulture)},\"message\":", message, ",\"status\":", name, "}}");
    }

    protected override RequestPlaces PlacesOf(RequestScan scan, string path, MessageReader reader)
    {
        var end = path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? path[..query] : path;
        end = end.TrimEnd('/');
        scan.Model = GeminiPath.Model(end) ?? scan.Model;
        scan.Stream = GeminiPath.IsStream(end);
        return new(scan, reader);
    }

    protected override ReplyWriter WriterOf(AssembledReply reply) => new GeminiReplyWriter(reply);
}
