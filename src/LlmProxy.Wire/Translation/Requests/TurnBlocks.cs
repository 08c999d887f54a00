using System.Text;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Turns of user and model that alternate, for the dialects without system messages within the history.</summary>
/// <param name="IsUser">Whether it is the user's.</param>
/// <param name="Parts">What it holds; never empty.</param>
internal sealed record TurnBlocks(bool IsUser, List<TurnPart> Parts)
{
    private const string Continue = "Continue.";

    public static List<TurnBlocks> Of(TargetRequest request)
    {
        var turns = new List<TurnBlocks>();
        foreach (var turn in request.Said.Turns)
        {
            var isUser = turn.Role != TurnRole.Assistant;
            var parts = turn.Parts.Where(part => part is not TurnText text || !string.IsNullOrWhiteSpace(text.Text));
            if (turn.Role == TurnRole.System)
            {
                request.Lose("system", "history", "A system message within the history is sent as a marked text of the user.");
                parts = parts.Select(part => part is TurnText text ? new TurnText($"<system>\n{text.Text}\n</system>") : part);
            }

            List<TurnPart> kept = [.. parts];
            if (kept.Count == 0)
            {
                continue;
            }

            if (turns.Count > 0 && turns[^1].IsUser == isUser)
            {
                turns[^1].Parts.AddRange(kept);
            }
            else
            {
                turns.Add(new TurnBlocks(isUser, kept));
            }
        }

        if (turns.Count == 0 || !turns[0].IsUser)
        {
            request.Lose("history", "history", "A history begins with the user: a turn was added.");
            turns.Insert(0, new TurnBlocks(true, [new TurnText(Continue)]));
        }

        EndForModel(turns, request);
        return turns;
    }

    private static void EndForModel(List<TurnBlocks> turns, TargetRequest request)
    {
        if (turns[^1].IsUser)
        {
            return;
        }

        if (!request.Rules.TakesPrefill || request.Kind == DialectKind.Gemini)
        {
            request.Lose("prefill", "history", "The model does not continue words of its own: a turn was added.");
            turns.Add(new TurnBlocks(true, [new TurnText(Continue)]));
        }
        else if (turns[^1].Parts[^1] is TurnText last)
        {
            // White space at the end of the model's own words is refused.
            turns[^1].Parts[^1] = new TurnText(last.Text.TrimEnd());
        }
    }
}

/// <summary>Text that was sent as a file.</summary>
internal static class MediaText
{
    public static string Decode(string? base64)
    {
        var bytes = new byte[(base64?.Length ?? 0) + 4];
        return Convert.TryFromBase64String(base64 ?? "", bytes, out var length) ? Encoding.UTF8.GetString(bytes.AsSpan(0, length)) : base64 ?? "";
    }
}
