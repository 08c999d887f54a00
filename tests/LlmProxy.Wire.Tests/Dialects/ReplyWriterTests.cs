using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Dialects;

public sealed class ReplyWriterTests(ITestOutputHelper output)
{
    /// <summary>Answers that are written otherwise, with the reason.</summary>
    private static readonly Dictionary<string, string> StandBy = new(StringComparer.Ordinal)
    {
        ["x5679d69afc3721"] = "an answer of Responses without a status; SDKs need one, so it is written as completed",
    };

    /// <summary>Every recorded answer, written and put together again, whole and as a stream.</summary>
    [SharedDataFact]
    public void Recorded_answers_that_are_written_again_are_the_same_answers()
    {
        var counts = new SortedDictionary<string, (int Same, int All)>(StringComparer.Ordinal);
        var differences = new List<string>();
        foreach (var recording in Recording.All.Where(recording => !StandBy.ContainsKey(recording.Id)))
        {
            var reply = Assemble(recording.Dialect, Encoding.UTF8.GetBytes(recording.Response));
            foreach (var (form, bytes) in Write(recording.Dialect, reply))
            {
                if (form == "whole" && (!reply.IsComplete || (reply.Error is not null && reply.Message.Json.Length > 60)))
                {
                    // A cut or broken stream has no form as one object.
                    continue;
                }

                var again = Assemble(recording.Dialect, bytes);
                var key = $"{recording.Kind} {form}";
                var count = counts.GetValueOrDefault(key);
                var found = Differences(reply, again).ToList();
                counts[key] = (count.Same + (found.Count == 0 ? 1 : 0), count.All + 1);
                differences.AddRange(found.Select(difference => $"{recording.Id} {key}: {difference}"));
            }
        }

        foreach (var (key, count) in counts)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{key}: {count.Same} of {count.All} the same"));
        }

        differences.Take(100).ToList().ForEach(difference => output.WriteLine(difference.Length > 1000 ? difference[..1000] : difference));
        Assert.Empty(differences);
        Assert.InRange(counts.Values.Sum(count => count.All), 4000, int.MaxValue);
    }

    internal static AssembledReply Assemble(IDialect dialect, ReadOnlySpan<byte> bytes)
    {
        var assembler = dialect.CreateAssembler(null, false);
        assembler.Append(bytes);
        return assembler.ToReply();
    }

    private static IEnumerable<(string Form, byte[] Bytes)> Write(IDialect dialect, AssembledReply reply) =>
    [
        ("whole", dialect.WriteReply(reply)),
        ("stream", [.. dialect.WriteEvents(reply).SelectMany(e => e.ToBytes())]),
    ];

    private static IEnumerable<string> Differences(AssembledReply before, AssembledReply after)
    {
        var pairs = new (string Name, object? Before, object? After)[]
        {
            ("model", before.Model ?? "", after.Model ?? ""),
            ("stop", before.StopReason, after.StopReason),
            ("usage", before.Usage, after.Usage),
            ("refusal", before.Refusal, after.Refusal),
            ("error", before.Error, after.Error),
            ("complete", before.IsComplete, after.IsComplete),
            ("ended turn", before.EndedTurn, after.EndedTurn),
            ("text", before.Message.Text, after.Message.Text),
            ("reasoning", before.Message.Reasoning, after.Message.Reasoning),
            ("calls", Print(before), Print(after)),
            ("call keys", string.Join('\n', before.CallKeys), string.Join('\n', after.CallKeys)),
        };
        foreach (var (name, was, @is) in pairs)
        {
            if (!Equals(was, @is))
            {
                yield return $"{name}: {was} <> {@is}";
            }
        }

        if (before.ResponseId is not null && before.ResponseId != after.ResponseId)
        {
            yield return $"id: {before.ResponseId} <> {after.ResponseId}";
        }

        if (!SameJson(before.Message.Json, after.Message.Json))
        {
            yield return $"message: {Encoding.UTF8.GetString(before.Message.Json.Span)} <> {Encoding.UTF8.GetString(after.Message.Json.Span)}";
        }
    }

    /// <summary>Calls without the blanks of their arguments' JSON.</summary>
    private static string Print(AssembledReply reply) =>
        string.Join('\n', reply.Message.ToolCalls.Select(call => $"{call.Id} {call.Name} {Compact(call.Arguments)}"));

    private static string Compact(string json)
    {
        try
        {
            return System.Text.Json.Nodes.JsonNode.Parse(json)?.ToJsonString() ?? "null";
        }
        catch (JsonException)
        {
            return json;
        }
    }

    private static bool SameJson(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right)
    {
        using var a = JsonDocument.Parse(left);
        using var b = JsonDocument.Parse(right);
        return JsonElement.DeepEquals(a.RootElement, b.RootElement);
    }
}
