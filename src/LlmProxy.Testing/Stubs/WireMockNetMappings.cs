using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Testing.Replay;
using LlmProxy.Wire;

namespace LlmProxy.Testing.Stubs;

/// <summary>
/// Mappings of WireMock.Net in its own form (WireMock.Net.Abstractions, Admin/Mappings). Its importer of WireMock's
/// mappings drops scenarios, delays and JSON paths, and all body patterns but the first.
/// </summary>
internal static class WireMockNetMappings
{
    /// <summary>Where WireMock.Net looks for mappings below its root. It does not look into folders below.</summary>
    private const string Folder = "__admin/mappings";

    public static StubFolder Write(RecordedTrajectory run, IReadOnlyList<StubStep> steps)
    {
        var files = steps.ToDictionary(step => $"{Folder}/{step.Name}.json", step => StubStep.ToFile(Mapping(step)), StringComparer.Ordinal);
        files["README.md"] = StubReadme.WireMockNet(run);
        return new StubFolder(files, steps.Count, Folder);
    }

    private static JsonObject Mapping(StubStep step)
    {
        var mapping = new JsonObject { ["Guid"] = step.Id.ToString(), ["Title"] = step.Title, ["Scenario"] = step.Scenario };

        // Without WhenStateIs it is the start; a state that is called "Started" would be like any other.
        if (step.State is { } state)
        {
            mapping["WhenStateIs"] = state;
        }

        mapping["SetStateTo"] = step.NextState;
        var request = new JsonObject
        {
            ["Path"] = new JsonObject { ["Matchers"] = new JsonArray(new JsonObject { ["Name"] = "RegexMatcher", ["Pattern"] = $"^{step.PathPattern}$" }) },
            ["Methods"] = new JsonArray("POST"),
        };
        var body = BodyMatchers(step).ToArray();
        if (body.Length > 0)
        {
            request["Body"] = new JsonObject { ["Matchers"] = new JsonArray([.. body]), ["MatchOperator"] = "And" };
        }

        mapping["Request"] = request;
        mapping["Response"] = Response(step);
        return mapping;
    }

    private static IEnumerable<JsonNode> BodyMatchers(StubStep step)
    {
        if (step.BodyModel is { } model)
        {
            yield return new JsonObject
            {
                ["Name"] = step.IsModelOpen ? "JsonPartialWildcardMatcher" : "JsonPartialMatcher",
                ["Pattern"] = new JsonObject { ["model"] = step.IsModelOpen ? model + "*" : model },
            };
        }

        if (step.HasStreamFlag)
        {
            var wantsStream = new JsonObject { ["Name"] = "JsonPartialMatcher", ["Pattern"] = new JsonObject { ["stream"] = true } };
            if (step.ForStream == false)
            {
                wantsStream["RejectOnMatch"] = true;
            }

            yield return wantsStream;
        }

        foreach (var path in step.ResultPaths)
        {
            yield return new JsonObject { ["Name"] = "JsonPathMatcher", ["Pattern"] = path };
        }

        if (step.AbsentPath is { } absent)
        {
            yield return new JsonObject { ["Name"] = "JsonPathMatcher", ["Pattern"] = absent, ["RejectOnMatch"] = true };
        }
    }

    private static JsonObject Response(StubStep step)
    {
        var answer = step.Answer.Status == 0 ? BadGateway(step.Call) : step.Answer;
        var response = new JsonObject
        {
            ["StatusCode"] = answer.Status,
            ["Headers"] = new JsonObject(answer.Headers.Select(header => KeyValuePair.Create<string, JsonNode?>(header.Key, header.Value))),
            // No transformer: braces in recorded text must stay what they are.
            ["Body"] = Encoding.UTF8.GetString(answer.Body),
        };

        // A body comes at once, so that all pauses are before it.
        var delay = (long)(answer.FirstByte + step.StreamTime).TotalMilliseconds;
        if (step.WithPauses && delay >= 1)
        {
            response["Delay"] = delay;
        }

        return response;
    }

    /// <summary>What a call gets that got no response: faults of WireMock.Net answer with status 200 and never break the connection.</summary>
    private static ReplayAnswer BadGateway(RecordedCall call)
    {
        var body = Encoding.UTF8.GetString(DialectCatalog.Get(call.Dialect).FormatError(502, "The recorded call got no response."));
        return ReplayAnswer.Of(call with { Answer = call.Answer with { Status = 502, ErrorBody = body } }, asStream: false);
    }
}
