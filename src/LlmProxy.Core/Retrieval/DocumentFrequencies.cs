namespace LlmProxy.Core.Retrieval;

/// <summary>Document frequencies of some buckets.</summary>
/// <param name="Documents">Number of documents.</param>
/// <param name="Frequencies">For each bucket in how many documents it occurs.</param>
public sealed record DocumentFrequencies(long Documents, IReadOnlyDictionary<int, long> Frequencies);
