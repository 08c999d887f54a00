using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing.Stubs;

/// <summary>Stub mappings of WireMock (wiremock.org, "Stubbing", "Stateful behaviour", "Request matching", "Simulating faults").</summary>
internal static class WireMockMappings
{
    /// <summary>The state in which every scenario is before its first step.</summary>
    private const string FirstState = "Started";

    public static StubFolder Write(RecordedTrajectory run, IReadOnlyList<StubStep> steps)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var step in steps)
        {
            files[$"mappings/{step.Name}.json"] = StubStep.ToFile(Mapping(step));
            if (step.Answer.Status != 0)
            {
                files[$"__files/{step.BodyFile}"] = step.Answer.Body;
            }
        }

        files["README.md"] = StubReadme.WireMock(run);
        return new StubFolder(files, steps.Count, "");
    }

    private static JsonObject Mapping(StubStep step)
    {
        var mapping = new JsonObject
        {
            ["id"] = step.Id.ToString(),
            ["name"] = step.Title,
            ["scenarioName"] = step.Scenario,
            ["requiredScenarioState"] = step.State ?? FirstState,
            ["newScenarioState"] = step.NextState,
        };
        var request = new JsonObject { ["method"] = "POST", ["urlPathPattern"] = step.PathPattern };
        var body = BodyPatterns(step).ToArray();
        if (body.Length > 0)
        {
            request["bodyPatterns"] = new JsonArray([.. body]);
        }

        mapping["request"] = request;
        mapping["response"] = Response(step);
        return mapping;
    }

    private static IEnumerable<JsonNode> BodyPatterns(StubStep step)
    {
        if (step.BodyModel is { } model)
        {
            yield return new JsonObject
            {
                ["matchesJsonPath"] = new JsonObject
                {
                    ["expression"] = "$.model",
                    [step.IsModelOpen ? "matches" : "equalTo"] = step.IsModelOpen ? Regex.Escape(model) + ".*" : model,
                },
            };
        }

        if (step.HasStreamFlag)
        {
            var wantsStream = new JsonObject { ["matchesJsonPath"] = "$[?(@.stream == true)]" };
            yield return step.ForStream == true ? wantsStream : new JsonObject { ["not"] = wantsStream };
        }

        foreach (var path in step.ResultPaths)
        {
            yield return new JsonObject { ["matchesJsonPath"] = path };
        }

        if (step.AbsentPath is { } absent)
        {
            yield return new JsonObject { ["not"] = new JsonObject { ["matchesJsonPath"] = absent } };
        }
    }

    private static JsonObject Response(StubStep step)
    {
        var answer = step.Answer;
        if (answer.Status == 0)
        {
            return new JsonObject { ["fault"] = "CONNECTION_RESET_BY_PEER" };
        }

        var response = new JsonObject
        {
            ["status"] = answer.Status,
            ["headers"] = new JsonObject(answer.Headers.Select(header => KeyValuePair.Create<string, JsonNode?>(header.Key, header.Value))),
            ["bodyFileName"] = step.BodyFile,
        };
        if (step.WithPauses && answer.FirstByte.TotalMilliseconds >= 1)
        {
            response["fixedDelayMilliseconds"] = (long)answer.FirstByte.TotalMilliseconds;
        }

        if (step.WithPauses && answer.IsStream && step.StreamTime.TotalMilliseconds >= 1)
        {
            // Chunks are of equal size and come at equal distance: that is as much of a rhythm as WireMock has.
            response["chunkedDribbleDelay"] = new JsonObject
            {
                ["numberOfChunks"] = Math.Max(2, answer.Frames.Select(frame => frame.At).Distinct().Count()),
                ["totalDuration"] = (long)step.StreamTime.TotalMilliseconds,
            };
        }

        return response;
    }
}
