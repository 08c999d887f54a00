using System.Text.RegularExpressions;
using LlmProxy.Core.Redaction;
using LlmProxy.Wire;

namespace LlmProxy.Testing.Replay;

/// <summary>
/// What distinguishes one call of a run from the others, and nothing that changes from run to run: no system prompt (it holds
/// clocks and is rewritten), no history, no ids but those that earlier responses gave out.
/// </summary>
public sealed partial record CallMarks
{
    /// <summary>Ends a <see cref="Model"/> that any further text may follow.</summary>
    public const string AnyEnd = "*";

    private const int LongestText = 400;

    /// <summary>The model asked for, or null for any.</summary>
    public string? Model { get; init; }

    /// <summary>
    /// The last text of the user after the last reply, at most 400 characters; null if there is none. It is compared
    /// without regard to blanks, upper and lower case, digits and hexadecimal ids. A placeholder of a secret allows any text in its place.
    /// </summary>
    public string? LastText { get; init; }

    /// <summary>Which tool calls the call brings results for: their ids, for Gemini the functions' names.</summary>
    public IReadOnlyList<string> Results { get; init; } = [];

    /// <summary>Takes the marks of a request.</summary>
    /// <param name="model">The model that it asks for.</param>
    /// <param name="messages">Its messages, or at least those after the last reply.</param>
    /// <param name="redactor">Removes secrets from the text, or null where they are removed already.</param>
    public static CallMarks Of(string? model, IReadOnlyList<ConversationMessage> messages, Redactor? redactor = null)
    {
        var fresh = messages.Reverse().TakeWhile(message => !message.IsAssistant).Reverse().ToList();
        var text = fresh.LastOrDefault(message => message.Role == "user" && message.Text.Length > 0)?.Text;
        return new CallMarks
        {
            Model = model,
            LastText = Shorten(text is null ? null : Redactor.Unify(redactor?.Redact(text) ?? text)),
            Results = [.. fresh.SelectMany(message => message.ToolResults).Select(result => result.Id).Where(id => id.Length > 0)],
        };
    }

    /// <summary>Whether a request may ask for this model.</summary>
    public bool AllowsModel(string? model) =>
        Model is null
        || (Model.EndsWith(AnyEnd, StringComparison.Ordinal)
            ? model?.StartsWith(Model.AsSpan(0, Model.Length - 1), StringComparison.OrdinalIgnoreCase) == true
            : string.Equals(Model, model, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether a request says the same. A placeholder of the recording may be anything in the request.</summary>
    public bool AllowsText(CallMarks request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var (recorded, sent) = (Plain(LastText), Plain(request.LastText));
        return recorded.Contains(Redactor.Mark, StringComparison.Ordinal)
            ? AllowsPieces(recorded.Split(Redactor.Mark), sent)
            : string.Equals(recorded, sent, StringComparison.Ordinal);
    }

    /// <summary>Whether a request brings results for the same calls, in any order.</summary>
    public bool AllowsResults(CallMarks request) =>
        Results.Order(StringComparer.Ordinal).SequenceEqual(request.Results.Order(StringComparer.Ordinal), StringComparer.Ordinal);

    /// <summary>Whether a text holds what is between placeholders, in order and from end to end.</summary>
    private bool AllowsPieces(string[] pieces, string sent)
    {
        if (!sent.StartsWith(pieces[0], StringComparison.Ordinal))
        {
            return false;
        }

        var at = pieces[0].Length;
        foreach (var piece in pieces[1..^1])
        {
            var found = sent.IndexOf(piece, at, StringComparison.Ordinal);
            if (found < 0)
            {
                return false;
            }

            at = found + piece.Length;
        }

        // Where a text is cut off depends on how long its secrets are.
        return LastText!.Length >= LongestText - 1 || (sent.Length - at >= pieces[^1].Length && sent.EndsWith(pieces[^1], StringComparison.Ordinal));
    }

    private static string? Shorten(string? text) =>
        text is null || text.Length <= LongestText ? text : text[..(char.IsHighSurrogate(text[LongestText - 1]) ? LongestText - 1 : LongestText)];

    /// <summary>The text without what differs from run to run.</summary>
    private static string Plain(string? text) => text is null ? "" : Blanks().Replace(Changing().Replace(Redactor.Unify(text), "#"), " ").Trim().ToLowerInvariant();

    // Hexadecimal ids of eight digits or more, then every other number: clocks, dates, counts, ports.
    [GeneratedRegex(@"\b[0-9a-fA-F]{8}[0-9a-fA-F-]*\b|\d+", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Changing();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Blanks();
}

/// <summary>A call that came in.</summary>
/// <param name="Dialect">Its dialect.</param>
/// <param name="Marks">What distinguishes it from others.</param>
/// <param name="WantsStream">Whether it asks for a stream.</param>
/// <param name="WantsArray">Whether the stream is to be one JSON array.</param>
public sealed record IncomingReplayCall(DialectKind Dialect, CallMarks Marks, bool WantsStream, bool WantsArray = false)
{
    /// <summary>Reads a request.</summary>
    /// <param name="method">Its method.</param>
    /// <param name="path">Its path, with or without a query.</param>
    /// <param name="body">Its decoded body.</param>
    /// <param name="redactor">Removes from its marks what recordings do not hold.</param>
    /// <returns>The call, or null where it is no completion call or cannot be read.</returns>
    public static IncomingReplayCall? Read(string method, string path, ReadOnlyMemory<byte> body, Redactor redactor)
    {
        if (DialectCatalog.Recognize(method, path) is not { } kind)
        {
            return null;
        }

        // Keys of messages are not looked at here; any secret makes them.
        using var keys = new TurnKeys(new byte[32]);
        var dialect = DialectCatalog.Get(kind);
        var pathAlone = path.Split('?')[0];
        return dialect.ReadRequest(body, pathAlone, keys) is { } reading && dialect.ReadContent(body) is { } content
            ? new IncomingReplayCall(kind, CallMarks.Of(reading.Model, content.Messages, redactor), reading.Stream, dialect.StreamsAsArray(path))
            : null;
    }
}
