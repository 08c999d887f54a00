using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>JSON serialization of the API's DTOs.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, NumberHandling = JsonNumberHandling.Strict)]
[JsonSerializable(typeof(StatusResponse))]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(RecordingResponse))]
[JsonSerializable(typeof(PageResponse<TrajectoryDto>))]
[JsonSerializable(typeof(PageResponse<ExampleDto>))]
[JsonSerializable(typeof(PageResponse<AuditEntryDto>))]
[JsonSerializable(typeof(TrajectoryDetailDto))]
[JsonSerializable(typeof(TaskResponse))]
[JsonSerializable(typeof(FeedbackRequest))]
[JsonSerializable(typeof(OutcomeEvaluationResponse))]
[JsonSerializable(typeof(OutcomeModelDto))]
[JsonSerializable(typeof(StepDto))]
[JsonSerializable(typeof(SearchResponse))]
[JsonSerializable(typeof(SimilarTrajectoryDto))]
[JsonSerializable(typeof(EmbeddingResponse))]
[JsonSerializable(typeof(EmbedResponse))]
[JsonSerializable(typeof(CleanupResponse))]
[JsonSerializable(typeof(StatisticsResponse))]
[JsonSerializable(typeof(StartTaskRequest))]
[JsonSerializable(typeof(CompleteTaskRequest))]
[JsonSerializable(typeof(SearchRequest))]
[JsonSerializable(typeof(EmbeddingRequest))]
[JsonSerializable(typeof(ExampleUsageRequest))]
[JsonSerializable(typeof(UpdateExampleRequest))]
[JsonSerializable(typeof(EmbedRequest))]
[JsonSerializable(typeof(CleanupRequest))]
[JsonSerializable(typeof(PurgeRequest))]
[JsonSerializable(typeof(PurgeResponse))]
[JsonSerializable(typeof(RescanRequest))]
[JsonSerializable(typeof(RescanResponse))]
[JsonSerializable(typeof(RecordedPromptsResponse))]
internal sealed partial class ApiJson : JsonSerializerContext;
