using System.Globalization;

namespace LlmProxy.Wire.Translation;

/// <summary>
/// Brings a history into the order that all providers take: turns of user and model alternate, each call of a model's turn
/// has one result, and the results come first in the turn that follows.
/// </summary>
internal static class HistoryOrder
{
    private const string NoResult = "[no result was recorded]";

    public static void Apply(TranslationRequest request)
    {
        var turns = Merge(request.Turns);
        var used = new HashSet<string>(StringComparer.Ordinal);
        var matched = new HashSet<TurnPart>(ReferenceEqualityComparer.Instance);
        var ordered = new List<Turn>();
        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i].Role != TurnRole.Assistant)
            {
                ordered.Add(turns[i]);
                continue;
            }

            // The calls of this turn, and what follows it until the next turn of the model.
            var calls = turns[i].Parts.OfType<TurnCall>().ToList();
            var end = i + 1;
            while (end < turns.Count && turns[end].Role != TurnRole.Assistant)
            {
                end++;
            }

            var following = turns[(i + 1)..end];
            var results = TakeResults(calls, following, request);
            var ids = Rename(calls, used);
            var next = 0;
            ordered.Add(new Turn(TurnRole.Assistant, [.. turns[i].Parts.Select(part => part is TurnCall call ? call with { Id = ids[next++] } : part)]));
            if (calls.Count > 0)
            {
                List<TurnPart> own = [.. results.Select((result, n) => result with { CallId = ids[n], Name = calls[n].Name, Namespace = calls[n].Namespace })];
                matched.UnionWith(own);
                ordered.Add(new Turn(TurnRole.User, own));
            }

            ordered.AddRange(following);
            i = end - 1;
        }

        foreach (var turn in ordered)
        {
            if (turn.Parts.RemoveAll(part => part is TurnResult && !matched.Contains(part)) > 0)
            {
                request.Lose("tool_result", "history", "A result whose call is not in the history is never sent.");
            }
        }

        request.Turns = Merge(ordered.Where(turn => turn.Parts.Count > 0));
    }

    /// <summary>Neighbours of one role in one turn.</summary>
    private static List<Turn> Merge(IEnumerable<Turn> turns)
    {
        var merged = new List<Turn>();
        foreach (var turn in turns)
        {
            if (merged.Count > 0 && merged[^1].Role == turn.Role)
            {
                merged[^1].Parts.AddRange(turn.Parts);
            }
            else
            {
                merged.Add(new Turn(turn.Role, [.. turn.Parts]));
            }
        }

        return merged;
    }

    private static List<TurnResult> TakeResults(List<TurnCall> calls, List<Turn> following, TranslationRequest request)
    {
        // The first result of an id counts.
        var found = new Dictionary<string, Queue<TurnResult>>(StringComparer.Ordinal);
        foreach (var result in following.SelectMany(turn => turn.Parts).OfType<TurnResult>())
        {
            if (!found.TryGetValue(result.CallId, out var known))
            {
                found[result.CallId] = known = new Queue<TurnResult>();
            }

            known.Enqueue(result);
        }

        var taken = new HashSet<TurnPart>(ReferenceEqualityComparer.Instance);
        var results = new List<TurnResult>(calls.Count);
        foreach (var call in calls)
        {
            if (found.TryGetValue(call.Id, out var own) && own.TryDequeue(out var result))
            {
                taken.Add(result);
                results.Add(result);
                continue;
            }

            request.Lose("missing tool_result", "history", "A call without a result gets one that says so: providers refuse the history otherwise.");
            results.Add(new TurnResult(call.Id, [new TurnText(NoResult)], IsError: true));
        }

        foreach (var turn in following)
        {
            turn.Parts.RemoveAll(taken.Contains);
        }

        return results;
    }

    /// <summary>Ids that are unique in the history: by the number of the id's earlier uses, which later calls do not change.</summary>
    private static List<string> Rename(List<TurnCall> calls, HashSet<string> used)
    {
        var ids = new List<string>(calls.Count);
        foreach (var call in calls)
        {
            var id = call.Id;
            for (var round = 2; id.Length == 0 || !used.Add(id); round++)
            {
                id = string.Create(CultureInfo.InvariantCulture, $"{call.Id}~{round}");
            }

            ids.Add(id);
        }

        return ids;
    }
}
