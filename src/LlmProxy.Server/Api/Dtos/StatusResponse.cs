namespace LlmProxy.Server.Api.Dtos;

/// <summary>Status of the proxy.</summary>
/// <param name="Recording">Status of recording.</param>
/// <param name="FewShot">Status of examples.</param>
/// <param name="Store">Status of the store.</param>
/// <param name="Embeddings">Status of the embedder.</param>
/// <param name="Templates">Status of the template files.</param>
/// <param name="Version">The program's version.</param>
public sealed record StatusResponse(
    RecordingStatusDto Recording,
    FewShotStatusDto FewShot,
    StoreStatusDto Store,
    EmbeddingsStatusDto Embeddings,
    IReadOnlyList<TemplateFileStatusDto> Templates,
    string Version)
{
    /// <summary>Status of the judge.</summary>
    public JudgeStatusDto Judge { get; init; } = new(false, null, null);
}

/// <summary>Status of the judge.</summary>
/// <param name="Enabled">Whether finished trajectories are judged.</param>
/// <param name="Model">The model that judges, or null.</param>
/// <param name="Sends">Which text goes to whom, or null.</param>
public sealed record JudgeStatusDto(bool Enabled, string? Model, string? Sends);

/// <summary>Status of recording.</summary>
/// <param name="Enabled">Whether exchanges are being recorded.</param>
/// <param name="Paused">Whether the API paused recording.</param>
/// <param name="Providers">Providers whose content is kept.</param>
/// <param name="ActiveTasks">Number of active tasks; null while the store is unavailable.</param>
/// <param name="NotRecorded">Numbers of exchanges or trajectories that were not recorded, by reason.</param>
/// <param name="Spool">Status of the spool.</param>
public sealed record RecordingStatusDto(
    bool Enabled,
    bool Paused,
    IReadOnlyList<string> Providers,
    int? ActiveTasks,
    IReadOnlyDictionary<string, long> NotRecorded,
    SpoolStatusDto Spool);

/// <summary>Status of the spool.</summary>
/// <param name="Pending">Recorded exchanges that are not stored yet.</param>
/// <param name="Bytes">Size in bytes.</param>
/// <param name="Dropped">Exchanges that were dropped because the spool was full or failed.</param>
public sealed record SpoolStatusDto(long Pending, long Bytes, long Dropped);

/// <summary>Status of examples.</summary>
/// <param name="Enabled">Whether examples are enabled.</param>
/// <param name="Available">Whether examples are available.</param>
/// <param name="Reason">Why examples are unavailable, or null.</param>
/// <param name="Skipped">Numbers of tasks without examples, by reason.</param>
/// <param name="Removed">Numbers of parts that were taken out of recorded texts on their way into prompts: role marks, fences, headings, <c>injections</c> (commands to a model), <c>instructions</c> (requests to act in tool results), secrets.</param>
public sealed record FewShotStatusDto(bool Enabled, bool Available, string? Reason, IReadOnlyDictionary<string, long> Skipped, IReadOnlyDictionary<string, long> Removed);

/// <summary>Status of the store.</summary>
/// <param name="Provider"><c>sqlite</c> or <c>postgres</c>.</param>
/// <param name="Ok">Whether the store is usable.</param>
/// <param name="Error">The error, or null.</param>
public sealed record StoreStatusDto(string Provider, bool Ok, string? Error);

/// <summary>Status of the embedder.</summary>
/// <param name="Provider"><c>openai</c> or <c>lexical</c>.</param>
/// <param name="Model">Model of the embedder.</param>
/// <param name="Dimensions">Length of its vectors.</param>
/// <param name="Ok">Whether its last call succeeded.</param>
/// <param name="Error">The error, or null.</param>
public sealed record EmbeddingsStatusDto(string Provider, string Model, int Dimensions, bool Ok, string? Error);

/// <summary>Status of a template file.</summary>
/// <param name="Path">Path of the file.</param>
/// <param name="Ok">Whether the file is valid and in use.</param>
/// <param name="Error">The error, or null.</param>
public sealed record TemplateFileStatusDto(string Path, bool Ok, string? Error);

/// <summary>Response of <c>/healthz</c> and <c>/readyz</c>.</summary>
/// <param name="Status"><c>ok</c> or <c>unavailable</c>.</param>
/// <param name="Store">Whether the store is reachable; null if not checked.</param>
/// <param name="Spool">Whether the spool is writable; null if not checked.</param>
public sealed record HealthResponse(string Status, bool? Store = null, bool? Spool = null);

/// <summary>Whether recording is on.</summary>
/// <param name="Enabled">Whether exchanges are being recorded.</param>
public sealed record RecordingResponse(bool Enabled);

/// <summary>A link that opens the dashboard for editing.</summary>
/// <param name="Path">Its path; it works once, within ten minutes.</param>
public sealed record DashboardLinkResponse(string Path);
