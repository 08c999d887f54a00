using System.Text.Json;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LlmProxy.Server.Api;

/// <summary>Title, description and scope of the OpenAPI document.</summary>
internal static class OpenApiText
{
    private static readonly Type[] WithoutRequired = [typeof(TrajectoryDto), typeof(StepDto), typeof(TokenUsageDto), typeof(ScoringDto)];

    public static void Configure(OpenApiOptions options)
    {
        // Proxied routes are the APIs of their providers.
        options.ShouldInclude = description => description.RelativePath is { } path
            && (path.StartsWith("_llmproxy/", StringComparison.Ordinal) || path is "healthz" or "readyz");
        // Parameters that come from a record's properties are named like those.
        options.AddOperationTransformer((operation, _, _) =>
        {
            foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
            {
                parameter.Name = JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!);
            }

            return Task.CompletedTask;
        });
        // These schemas never listed required properties, and code that clients generated from them counts on that.
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if (Array.IndexOf(WithoutRequired, context.JsonTypeInfo.Type) >= 0)
            {
                schema.Required = null;
            }

            return Task.CompletedTask;
        });
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "LlmProxy";
            document.Info.Version = StatusEndpoints.ProgramVersion;
            document.Info.Description = "Recorded trajectories, outcomes of tasks, and examples. {taskId} is a task's id, session:<the client's session id>, or last. "
                + "Errors are RFC 9457 problem details. If keys are configured, send an admin key in header LlmProxy-Key.";
            return Task.CompletedTask;
        });
    }
}
