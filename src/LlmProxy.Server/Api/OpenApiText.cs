using Microsoft.AspNetCore.OpenApi;

namespace LlmProxy.Server.Api;

/// <summary>What the OpenAPI document says beside the endpoints.</summary>
internal static class OpenApiText
{
    public static void Configure(OpenApiOptions options)
    {
        // The proxied routes are their providers' own APIs.
        options.ShouldInclude = description => description.RelativePath is { } path
            && (path.StartsWith("_llmproxy/", StringComparison.Ordinal) || path is "healthz" or "readyz");
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "LlmProxy";
            document.Info.Version = StatusEndpoints.ProgramVersion;
            document.Info.Description = "What was recorded, how tasks ended, and which runs teach which task. {taskId} is a task's id, session:<the client's session id>, or last. "
                + "Errors are RFC 9457 problem details. Where keys are configured, send an admin key in LlmProxy-Key.";
            return Task.CompletedTask;
        });
    }
}
