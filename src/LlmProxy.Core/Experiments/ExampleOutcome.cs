namespace LlmProxy.Core.Experiments;

/// <summary>Tasks of one model and arm that used the same examples.</summary>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model.</param>
/// <param name="Arm">Arm of the experiment, or null for tasks outside of one.</param>
/// <param name="ExampleIds">The examples in their prompts.</param>
/// <param name="Judged">Number of tasks.</param>
/// <param name="Successful">Those that succeeded.</param>
public sealed record ExampleOutcome(string Provider, string Model, string? Arm, IReadOnlyList<string> ExampleIds, long Judged, long Successful);
