using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Server.Api.Shapes;

/// <summary>How the API's shapes are written and read.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, NumberHandling = JsonNumberHandling.Strict)]
[JsonSerializable(typeof(StatusShape))]
[JsonSerializable(typeof(HealthShape))]
[JsonSerializable(typeof(RecordingShape))]
[JsonSerializable(typeof(PageShape<TrajectoryShape>))]
[JsonSerializable(typeof(PageShape<ExampleShape>))]
[JsonSerializable(typeof(TrajectoryDetailShape))]
[JsonSerializable(typeof(TaskAnswerShape))]
[JsonSerializable(typeof(StepShape))]
[JsonSerializable(typeof(SearchShape))]
[JsonSerializable(typeof(SimilarShape))]
[JsonSerializable(typeof(EmbeddingShape))]
[JsonSerializable(typeof(EmbedShape))]
[JsonSerializable(typeof(CleanupShape))]
[JsonSerializable(typeof(StatisticsShape))]
[JsonSerializable(typeof(StartTaskRequest))]
[JsonSerializable(typeof(CompleteTaskRequest))]
[JsonSerializable(typeof(SearchRequest))]
[JsonSerializable(typeof(EmbeddingRequest))]
[JsonSerializable(typeof(ExampleUsageRequest))]
[JsonSerializable(typeof(UpdateExampleRequest))]
[JsonSerializable(typeof(EmbedRequest))]
[JsonSerializable(typeof(CleanupRequest))]
[JsonSerializable(typeof(RecordedPromptsShape))]
internal sealed partial class ApiJson : JsonSerializerContext;
