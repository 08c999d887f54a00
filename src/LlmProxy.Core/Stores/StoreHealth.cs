namespace LlmProxy.Core.Stores;

/// <summary>What a check of the store found.</summary>
/// <param name="Ok">Whether the store can be used.</param>
/// <param name="SchemaVersion">Version of its schema; 0 if there is none.</param>
/// <param name="Error">What is wrong and the fix, or null.</param>
/// <param name="Details">More to know, such as the versions of PostgreSQL and pgvector.</param>
public sealed record StoreHealth(bool Ok, int SchemaVersion, string? Error, string Details);
