namespace LlmProxy.Wire;

/// <summary>
/// How a server that matches requests by patterns (WireMock, WireMock.Net) recognizes the requests of a dialect.
/// Paths are regular expressions of the whole path with any prefix, since a base URL may have segments of its own.
/// </summary>
public sealed record RequestPatterns
{
    /// <summary>The path of requests for a whole reply, from the regular expression of the model; dialects with the model in the body ignore it.</summary>
    public required Func<string, string> WholePath { get; init; }

    /// <summary>The path of requests for a stream, from the regular expression of the model.</summary>
    public required Func<string, string> StreamPath { get; init; }

    /// <summary>Whether the body holds the members <c>model</c> and <c>stream</c>; if not, the path holds both.</summary>
    public required bool AreInBody { get; init; }

    /// <summary>A JSONPath filter that finds the result of a tool call, from the quoted id (for Gemini: the function's name).</summary>
    public required Func<string, string> ResultOf { get; init; }

    /// <summary>A JSONPath filter that finds any tool result.</summary>
    public required string AnyResult { get; init; }

    /// <summary>The path of requests for either form.</summary>
    /// <param name="model">A regular expression of the model.</param>
    public string AnyPath(string model) => WholePath(model) == StreamPath(model) ? WholePath(model) : $"({WholePath(model)}|{StreamPath(model)})";

    /// <summary>The patterns of a dialect with model and stream flag in the body.</summary>
    /// <param name="pathEnd">The end of the path, such as <c>/messages</c>.</param>
    /// <param name="resultOf">See <see cref="ResultOf"/>.</param>
    /// <param name="anyResult">See <see cref="AnyResult"/>.</param>
    public static RequestPatterns InBody(string pathEnd, Func<string, string> resultOf, string anyResult) => new()
    {
        WholePath = _ => "(/.*)?" + pathEnd,
        StreamPath = _ => "(/.*)?" + pathEnd,
        AreInBody = true,
        ResultOf = resultOf,
        AnyResult = anyResult,
    };
}
