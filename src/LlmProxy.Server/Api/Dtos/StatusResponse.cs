namespace LlmProxy.Server.Api.Dtos;

/// <summary>How the proxy does.</summary>
/// <param name="Recording">Recording.</param>
/// <param name="FewShot">Examples.</param>
/// <param name="Store">The store.</param>
/// <param name="Embeddings">The embedder in use.</param>
/// <param name="Templates">The template files.</param>
/// <param name="Version">The program's version.</param>
public sealed record StatusResponse(
    RecordingStatusDto Recording,
    FewShotStatusDto FewShot,
    StoreStatusDto Store,
    EmbeddingsStatusDto Embeddings,
    IReadOnlyList<TemplateFileStatusDto> Templates,
    string Version);

/// <summary>Recording.</summary>
/// <param name="Enabled">Whether calls are recorded at the moment.</param>
/// <param name="Paused">Whether it was paused by the API.</param>
/// <param name="Providers">Whose content is kept.</param>
/// <param name="ActiveTasks">Tasks that are under way; null while the store does not answer.</param>
/// <param name="NotRecorded">Why calls or runs were not recorded, counted.</param>
/// <param name="Spool">The spool.</param>
public sealed record RecordingStatusDto(
    bool Enabled,
    bool Paused,
    IReadOnlyList<string> Providers,
    int? ActiveTasks,
    IReadOnlyDictionary<string, long> NotRecorded,
    SpoolStatusDto Spool);

/// <summary>The spool.</summary>
/// <param name="Pending">Recorded calls from their arrival until they are in the store.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Dropped">Calls that it could not take.</param>
public sealed record SpoolStatusDto(long Pending, long Bytes, long Dropped);

/// <summary>Examples.</summary>
/// <param name="Enabled">Whether they are switched on.</param>
/// <param name="Available">Whether they can be had at the moment.</param>
/// <param name="Reason">Why not, or null.</param>
/// <param name="Skipped">Why tasks got none, counted.</param>
public sealed record FewShotStatusDto(bool Enabled, bool Available, string? Reason, IReadOnlyDictionary<string, long> Skipped);

/// <summary>The store.</summary>
/// <param name="Provider"><c>sqlite</c> or <c>postgres</c>.</param>
/// <param name="Ok">Whether it can be used.</param>
/// <param name="Error">What is wrong, or null.</param>
public sealed record StoreStatusDto(string Provider, bool Ok, string? Error);

/// <summary>The embedder in use.</summary>
/// <param name="Provider"><c>openai</c> or <c>lexical</c>.</param>
/// <param name="Model">Its model.</param>
/// <param name="Dimensions">Length of its vectors.</param>
/// <param name="Ok">Whether its last call succeeded.</param>
/// <param name="Error">What is wrong, or null.</param>
public sealed record EmbeddingsStatusDto(string Provider, string Model, int Dimensions, bool Ok, string? Error);

/// <summary>A template file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Ok">Whether it is in use as it stands.</param>
/// <param name="Error">What is wrong, or null.</param>
public sealed record TemplateFileStatusDto(string Path, bool Ok, string? Error);

/// <summary>An answer of <c>/healthz</c> and <c>/readyz</c>.</summary>
/// <param name="Status"><c>ok</c> or <c>unavailable</c>.</param>
/// <param name="Store">Whether the store is reachable; null where that was not asked.</param>
/// <param name="Spool">Whether the spool is writable; null where that was not asked.</param>
public sealed record HealthResponse(string Status, bool? Store = null, bool? Spool = null);

/// <summary>Whether recording is on.</summary>
/// <param name="Enabled">Whether calls are recorded now.</param>
public sealed record RecordingResponse(bool Enabled);
