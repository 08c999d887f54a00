using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

using LlmProxy.Wire;
using LlmProxy.Wire.Translation;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Translation;

/// <summary>
/// Every recorded history for every other dialect, and every recorded reply. A sample by default;
/// <c>LLMPROXY_TRANSLATE_ALL=1</c> takes all.
/// </summary>
public sealed partial class RecordedTranslationTests(ITestOutputHelper output)
{
    private static readonly int Step = Environment.GetEnvironmentVariable("LLMPROXY_TRANSLATE_ALL") == "1" ? 1 : 8;

    [SharedDataFact]
    public void Every_recorded_request_becomes_a_valid_one_of_every_other_dialect_with_the_same_text()
    {
        var counts = new SortedDictionary<string, (int Carried, int Refused)>(StringComparer.Ordinal);
        var refusals = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var losses = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var features = new SortedDictionary<string, (int Carried, int Approximated, int Refused)>(StringComparer.Ordinal);
        var problems = new List<string>();
        foreach (var recording in Dialects.Recording.All.Where((_, i) => i % Step == 0).Where(recording => recording is { Request: not null, Status: < 400 } && recording.Dialect.ReadContent(recording.Request) is { Messages.Count: > 0 }))
        {
            foreach (var target in ConversationTranslator.Dialects.Where(target => target != recording.Kind))
            {
                var pair = $"{recording.Kind} -> {target}";
                var translation = ConversationTranslator.Translate(recording.Kind, recording.Request, recording.Path, new TranslationTarget { Dialect = target, Model = Translations.Models[target] });
                var count = counts.GetValueOrDefault(pair);
                counts[pair] = translation.IsRefused ? (count.Carried, count.Refused + 1) : (count.Carried + 1, count.Refused);
                foreach (var (feature, ways) in FeaturesOf(recording))
                {
                    var seen = features.GetValueOrDefault($"{pair}: {feature}");
                    features[$"{pair}: {feature}"] = translation.IsRefused ? (seen.Carried, seen.Approximated, seen.Refused + 1)
                        : translation.Losses.Any(loss => ways.Split(' ').Contains($"{loss.What}/{loss.Where}") || ways == $"*/{loss.Where}") ? (seen.Carried, seen.Approximated + 1, seen.Refused)
                        : (seen.Carried + 1, seen.Approximated, seen.Refused);
                }

                if (translation.Refusal is { } refusal)
                {
                    var kind = Quoted().Replace(refusal, "'…'");
                    refusals[kind] = refusals.GetValueOrDefault(kind) + 1;
                    continue;
                }

                foreach (var loss in translation.Losses)
                {
                    var key = $"{pair}: {loss.What} ({loss.Where})";
                    losses[key] = losses.GetValueOrDefault(key) + 1;
                }

                var found = TargetValidator.Check(target, translation.Body, Translations.Models[target]);
                found.AddRange(TextDifferences(recording, target, translation));
                found.AddRange(RoundTripDifferences(recording, target, translation));
                problems.AddRange(found.Distinct().Select(problem => $"{recording.Id} {pair}: {problem}"));
            }
        }

        foreach (var (pair, (carried, refused)) in counts)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pair}: {carried} carried, {refused} refused"));
        }

        foreach (var (feature, (carried, approximated, refused)) in features)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{feature}: {carried} carried, {approximated} in another form or left out, {refused} refused"));
        }

        Print("refused", refusals);
        Print("not carried, or in another form", losses);
        problems.ForEach(output.WriteLine);
        Assert.Empty(problems.Take(10));
        var share = 100.0 * counts.Values.Sum(count => count.Refused) / counts.Values.Sum(count => count.Carried + count.Refused);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{share:0.0} % are refused"));
        // Of all recordings less than 2 %; a sample varies.
        Assert.InRange(share, 0, Step == 1 ? 2 : 3);
    }

    [SharedDataFact]
    public void Every_recorded_reply_is_read_by_the_clients_dialect_as_the_same_reply()
    {
        var random = new Random(3);
        var counts = new SortedDictionary<string, (int Same, int All)>(StringComparer.Ordinal);
        var problems = new List<string>();
        foreach (var recording in Dialects.Recording.All.Where((_, i) => i % Step == 1 % Step).Where(recording => recording.Status == 200))
        {
            var before = Translations.Assemble(recording.Kind, recording.Response);
            foreach (var source in ConversationTranslator.Dialects.Where(source => source != recording.Kind))
            {
                foreach (var stream in (bool[])[true, false])
                {
                    var request = Translations.Request(source, Translations.Minimal(source, stream), recording.Kind, stream);
                    var client = Translations.Reply(request, recording.Response, chunk: () => random.Next(4) == 0 ? random.Next(1, 9) : random.Next(1, 2000));
                    var after = Translations.Assemble(source, client);
                    var differences = ReplyDifferences(before, after, source).ToList();
                    var pair = $"{recording.Kind} -> {source}{(stream ? ", streamed" : "")}";
                    var count = counts.GetValueOrDefault(pair);
                    counts[pair] = (count.Same + (differences.Count == 0 ? 1 : 0), count.All + 1);
                    problems.AddRange(differences.Select(difference => $"{recording.Id} {pair}: {difference}"));
                }
            }
        }

        foreach (var (pair, (same, all)) in counts)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pair}: {same} of {all} the same"));
        }

        problems.ForEach(output.WriteLine);
        Assert.Empty(problems.Take(10));
    }

    [GeneratedRegex("'[^']*'", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\s+|</?system>|\[image\]|\[document\]|\[audio\]|\[video\]|ERROR:|Continue\.|Respond with a single JSON object and no other text\.|\[no result was recorded\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Added();

    private void Print(string title, SortedDictionary<string, int> counts)
    {
        output.WriteLine(title + ":");
        foreach (var (key, count) in counts)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {count,6} {key}"));
        }
    }

    /// <summary>The way back gives the text and the ids of the client, but for what the way there states.</summary>
    private static IEnumerable<string> RoundTripDifferences(LlmProxy.Tests.Dialects.Recording recording, DialectKind target, RequestTranslation there)
    {
        var back = ConversationTranslator.Translate(target, there.Body, there.Path, new TranslationTarget { Dialect = recording.Kind, Model = Translations.Models[recording.Kind] });
        // A refusal states what cannot go back; a text file comes back as a text.
        if (back.IsRefused
            || there.Losses.Concat(back.Losses).Any(loss => loss.What is "system" or "response_format" or "media" or "file" || loss.What.Contains("tool_result", StringComparison.Ordinal))
            || recording.Dialect.ReadContent(recording.Request)!.Messages.Any(message => message.Parts.OfType<OtherPart>().Any(part => part.Mark == OtherPart.Document)))
        {
            yield break;
        }

        var text = VisibleText(recording.Kind, back.Body, isWhole: false);
        if (text != VisibleText(recording.Kind, recording.Request, isWhole: false) && text != VisibleText(recording.Kind, recording.Request, isWhole: true))
        {
            yield return "the text differs after the way back";
        }

        var (before, after) = (Ids(recording, recording.Request), Ids(recording, back.Body));
        if (recording.Kind != DialectKind.Gemini && before.Distinct().Count() == before.Count && before.TrueForAll(id => WrappableId().IsMatch(id)) && !before.SequenceEqual(after))
        {
            yield return $"ids {string.Join(',', before)} <> {string.Join(',', after)}";
        }

        static List<string> Ids(LlmProxy.Tests.Dialects.Recording recording, ReadOnlyMemory<byte> body) =>
            [.. recording.Dialect.ReadContent(body)!.Messages.SelectMany(message => message.ToolCalls).Where(call => !call.IsHosted).Select(call => call.Id)];
    }

    // What is longer becomes a hash.
    [GeneratedRegex("^[a-zA-Z0-9_]{1,31}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex WrappableId();

    /// <summary>Features of a request, with the losses that concern each.</summary>
    private static IEnumerable<(string Feature, string Losses)> FeaturesOf(LlmProxy.Tests.Dialects.Recording recording)
    {
        var text = Encoding.UTF8.GetString(recording.Request!);
        var parts = recording.Dialect.ReadContent(recording.Request)!.Messages;
        (string Feature, bool IsThere, string Losses)[] all =
        [
            ("tools", recording.Dialect.ReadContent(recording.Request)!.Tools.Count > 0, "schema/tools strict/tools tools/tools"),
            ("parallel calls", parts.Any(message => message.ToolCalls.Count(call => !call.IsHosted) > 1), "tool_result/history"),
            ("images", parts.Any(message => message.Parts.OfType<ImagePart>().Any()), "media/history"),
            ("images in results", parts.Any(message => message.ToolResults.Any(result => result.HasImage)), "media/history"),
            ("files", parts.Any(message => message.Parts.OfType<OtherPart>().Any(part => part.Mark is not null)), "file/history media/history"),
            ("structured output", ForOutput().IsMatch(text), "schema/request response_format/request"),
            ("reasoning replay", parts.Any(message => message.Reasoning is not null), "thinking/history"),
            ("effort", ForEffort().IsMatch(text), "effort/request thinking/request"),
            ("tools of the provider", ForHosted().IsMatch(text), "*/tools"),
        ];
        return all.Where(feature => feature.IsThere).Select(feature => (feature.Feature, feature.Losses));
    }

    [GeneratedRegex("\"(json_schema|json_object|responseSchema|responseJsonSchema|output_format)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ForOutput();

    [GeneratedRegex("\"(reasoning_effort|thinkingConfig|effort|budget_tokens)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ForEffort();

    [GeneratedRegex("\"(web_search_[0-9]+|googleSearch|google_search|codeExecution|code_execution_[0-9]+|code_interpreter|mcp|mcp_servers|file_search|web_fetch_[0-9]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ForHosted();

    private static IEnumerable<string> TextDifferences(LlmProxy.Tests.Dialects.Recording recording, DialectKind target, RequestTranslation translation)
    {
        var before = VisibleText(recording.Kind, recording.Request, isWhole: false);
        var after = VisibleText(target, translation.Body, isWhole: false);
        if (before == after || VisibleText(recording.Kind, recording.Request, isWhole: true) == after || translation.Losses.Any(loss => loss.What == "tool_result" && loss.Why.Contains("never sent", StringComparison.Ordinal)))
        {
            yield break;
        }

        if (translation.Losses.Any(loss => loss.What == "file") && IsWithin(before, after))
        {
            yield break;
        }

        // Texts that a translation moves or adds, as it says.
        var isMoved = translation.Losses.Any(loss => loss.What is "system" or "response_format" or "media" or "missing tool_result");
        if (isMoved ? !string.Concat(before.Order()).Equals(string.Concat(after.Order()), StringComparison.Ordinal) : true)
        {
            var at = before.Zip(after).TakeWhile(pair => pair.First == pair.Second).Count();
            yield return $"text differs ({before.Length} and {after.Length}) at {at}: '{Cut(before, at)}' and '{Cut(after, at)}'";
        }
    }

    private static bool IsWithin(string part, string whole)
    {
        var at = 0;
        foreach (var letter in whole)
        {
            at += at < part.Length && part[at] == letter ? 1 : 0;
        }

        return at == part.Length;
    }

    private static string Cut(string text, int at) => text[Math.Max(0, at - 20)..Math.Min(text.Length, at + 60)];

    /// <summary>All text that the model sees, as the readers of the record find it.</summary>
    private static string VisibleText(DialectKind kind, ReadOnlyMemory<byte> body, bool isWhole)
    {
        var content = DialectCatalog.Get(kind).ReadContent(body);
        var text = new StringBuilder(content?.SystemPrompt);
        foreach (var part in content?.Messages.SelectMany(message => message.Parts) ?? [])
        {
            text.Append(part switch
            {
                TextPart said => said.Text,
                RefusalPart refusal => refusal.Text,
                ToolResult result => isWhole ? result.WholeContent ?? result.Content : result.Content,
                _ => "",
            });
        }

        return Added().Replace(text.ToString(), "");
    }

    private static IEnumerable<string> ReplyDifferences(AssembledReply before, AssembledReply after, DialectKind source)
    {
        if (before.Error is not null || !before.IsComplete)
        {
            if (after.Error is null)
            {
                yield return $"no error, but {before.Error ?? "an incomplete reply"}";
            }

            yield break;
        }

        if (after.Error?.Contains("The target asks for a", StringComparison.Ordinal) == true)
        {
            yield break;
        }

        var (textBefore, textAfter) = (Said(before), Said(after));
        if (textBefore != textAfter && !(textBefore.Length == 0 && before.Refusal is not null))
        {
            yield return $"text '{Cut(textBefore, 20)}' <> '{Cut(textAfter, 20)}'";
        }

        var calls = (Calls(before, source == DialectKind.Gemini), Calls(after, source == DialectKind.Gemini));
        if (calls.Item1 != calls.Item2)
        {
            yield return $"calls {calls.Item1} <> {calls.Item2}";
        }

        if (before.HasUsage && (before.Usage.Input, before.Usage.Output, before.Usage.CacheRead) != (after.Usage.Input, after.Usage.Output, after.Usage.CacheRead))
        {
            yield return $"usage {before.Usage} <> {after.Usage}";
        }

        if (before.StopReason is not null && before.EndedTurn != after.EndedTurn)
        {
            yield return $"stop {before.StopReason} <> {after.StopReason}";
        }

        if (after.Message.Reasoning is not null)
        {
            yield return "thinking travelled";
        }

        if (after.Error is not null || !after.IsComplete)
        {
            yield return $"error {after.Error}";
        }
    }

    private static string Said(AssembledReply reply) => string.Concat(reply.Message.Parts.Select(part => part switch { TextPart text => text.Text, RefusalPart refusal => refusal.Text, _ => "" }));

    private static string Calls(AssembledReply reply, bool byName) => string.Join(' ', reply.Message.ToolCalls.Where(call => !call.IsHosted).Select(call => $"{call.Name} {Compact(call.Arguments)}"));

    private static string Compact(string json)
    {
        try
        {
            // Free text of a tool that the client does not know is the argument of a function.
            return json.Length == 0 ? "{}" : JsonNode.Parse(json) is not { } node ? "{}" : node is JsonObject { Count: 1 } && node["input"] is JsonValue text ? text.ToString() : node.ToJsonString();
        }
        catch (JsonException)
        {
            return json;
        }
    }
}
