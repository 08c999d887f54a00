using System.CommandLine;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>recording pause|resume</c>: switches recording of a running proxy off and on.</summary>
internal static class RecordingVerb
{
    public static Command Create(CliContext context) => new("recording", "Pause and resume the recording of a running proxy")
    {
        Create(context, "pause", "Stop recording until it is resumed or the proxy restarts; calls are still forwarded"),
        Create(context, "resume", "Record again"),
    };

    private static Command Create(CliContext context, string name, string description) => ApiVerb.Create(
        context,
        name,
        description,
        [],
        (api, _, cancellationToken) => api.IsRunningServer
            ? api.PostAsync("/recording/" + name, cancellationToken)
            : throw new CliException($"No llmproxy is running, so there is nothing to {name}. LlmProxy:Recording:Enabled=false in the settings switches recording off for good."),
        ApiJson.Default.RecordingResponse,
        (console, _, recording) => console.Line(recording.Enabled ? "Recording is on." : name == "pause" ? "Recording is paused; calls are still forwarded." : "Recording is off: LlmProxy:Recording:Enabled is false."));
}
