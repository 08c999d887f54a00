using System.Globalization;

namespace LlmProxy.Core.Retrieval;

/// <summary>A run that got no vector.</summary>
/// <param name="TrajectoryId">The run.</param>
/// <param name="Reason">What the embedder said.</param>
public sealed record EmbeddingFailure(string TrajectoryId, string Reason);

/// <summary>What a portion of the work brought.</summary>
/// <param name="Total">Runs that were to be done when the work began or resumed; null after the first portion.</param>
/// <param name="Embedded">Runs that got their vectors.</param>
/// <param name="Failed">Runs whose text the embedder refused; they have a lexical vector.</param>
/// <param name="NextRow">Where the next portion begins; null at the end.</param>
/// <param name="Resumed">Whether an interrupted rebuild was resumed.</param>
/// <param name="Removed">Vectors of other models that were removed.</param>
/// <param name="Stopped">Why the work ended early, or null.</param>
public sealed record EmbeddingPortion(long? Total, int Embedded, IReadOnlyList<EmbeddingFailure> Failed, long? NextRow, bool Resumed, int Removed, string? Stopped);

/// <summary>
/// Makes vectors of stored runs, in portions, while the store serves: for runs that lack one of the embedder in use (or
/// have one of another model or length alone), or for all of them anew. What a portion has made is saved; an interrupted
/// job resumes there.
/// </summary>
public sealed class StoreEmbedder(IEmbeddingStore store, EmbeddingService embeddings, TimeProvider time)
{
    // Runs in one call of the embedder and in one transaction of the store.
    private const int Batch = 64;

    // A portion ends before the caller's own timeout.
    private static readonly TimeSpan MaxPortion = TimeSpan.FromSeconds(20);

    /// <summary>Does a portion.</summary>
    /// <param name="tenant">The tenant that owns the runs.</param>
    /// <param name="rebuild">All runs anew, not only those that lack a vector. It resumes where an interrupted one ended.</param>
    /// <param name="afterRow"><see cref="EmbeddingPortion.NextRow"/> of the portion before; null to begin.</param>
    /// <param name="limit">The largest number of trajectories, rounded up to a batch.</param>
    /// <param name="removeOthers">At the end of a rebuild remove vectors of models that are not in use.</param>
    /// <param name="cancellationToken">Cancels; what is saved stays.</param>
    public async Task<EmbeddingPortion> MakeAsync(string tenant, bool rebuild, long? afterRow, int limit, bool removeOthers, CancellationToken cancellationToken)
    {
        // 1. Where it begins, and how much there is.
        List<VectorKind> kinds = [new(LexicalEmbedder.ModelName, LexicalEmbedder.Dimensions)];
        if (embeddings.IsRemote || embeddings.IsLocal)
        {
            kinds.Add(new VectorKind(embeddings.Model, embeddings.Dimensions));
        }

        var progress = string.Create(CultureInfo.InvariantCulture, $"rebuild of vectors|{tenant}|{embeddings.Model}|{embeddings.Dimensions}");
        long? noted = rebuild && afterRow is null && long.TryParse(await store.ReadProgressAsync(progress, cancellationToken), CultureInfo.InvariantCulture, out var row) ? row : null;
        var query = new TrajectoryTextsQuery(tenant, Batch) { Lacking = rebuild ? [] : kinds, AfterRow = afterRow ?? noted ?? 0 };
        long? total = afterRow is null ? await store.CountRunTextsAsync(query, cancellationToken) : null;

        // 2. Batch by batch.
        var started = time.GetTimestamp();
        var (embedded, failed) = (0, new List<EmbeddingFailure>());
        for (var seen = 0; seen < limit && time.GetElapsedTime(started) < MaxPortion;)
        {
            var runs = await store.ListRunTextsAsync(query, cancellationToken);
            if (runs.Count > 0)
            {
                var (made, refused, stopped) = await EmbedAsync(runs, cancellationToken);
                await store.SaveEmbeddingsAsync(tenant, made, cancellationToken);
                if (stopped is not null)
                {
                    return new EmbeddingPortion(total, embedded, failed, null, noted is not null, 0, stopped);
                }

                (seen, embedded) = (seen + runs.Count, embedded + runs.Count - refused.Count);
                failed.AddRange(refused);
                query = query with { AfterRow = runs[^1].Row };
                if (rebuild)
                {
                    await store.SaveProgressAsync(progress, query.AfterRow.ToString(CultureInfo.InvariantCulture), cancellationToken);
                }
            }

            if (runs.Count < Batch)
            {
                // 3. The end.
                if (rebuild)
                {
                    await store.SaveProgressAsync(progress, null, cancellationToken);
                }

                var removed = rebuild && removeOthers ? await store.RemoveOtherEmbeddingsAsync(tenant, kinds, cancellationToken) : 0;
                return new EmbeddingPortion(total, embedded, failed, null, noted is not null, removed, null);
            }
        }

        return new EmbeddingPortion(total, embedded, failed, query.AfterRow, noted is not null, 0, null);
    }

    /// <summary>The vectors of some runs, those that the embedder refused, and why it cannot be asked any more.</summary>
    private async Task<(List<TrajectoryEmbeddings> Made, List<EmbeddingFailure> Refused, string? Stopped)> EmbedAsync(IReadOnlyList<TrajectoryTexts> runs, CancellationToken cancellationToken)
    {
        var texts = runs.SelectMany(r => Texts(r).Select(t => (r.Run.Id, t.Kind, t.Text))).ToList();
        var vectors = (await embeddings.EmbedForStoreAsync([.. texts.Select(t => t.Text)], cancellationToken)).ToArray();
        var (refused, stopped) = (new List<EmbeddingFailure>(), vectors is [{ RemoteError: { } error, RemoteRefused: false }, ..] ? error : null);
        if (vectors is [{ RemoteRefused: true }, ..])
        {
            // One text that the embedder does not take refuses all that were sent with it: each on its own, to find it.
            for (var i = 0; i < texts.Count && stopped is null; i++)
            {
                vectors[i] = await embeddings.EmbedForStoreAsync(texts[i].Text, cancellationToken);
                if (vectors[i] is { RemoteError: { } reason } && vectors[i].RemoteRefused)
                {
                    refused.Add(new EmbeddingFailure(texts[i].Id, reason));
                }
                else
                {
                    stopped = vectors[i].RemoteError;
                }
            }
        }

        var made = texts.Zip(vectors).GroupBy(t => t.First.Id, StringComparer.Ordinal).ToDictionary(
            g => g.Key, g => g.SelectMany(t => t.Second.Embeddings.Select(e => e with { Kind = t.First.Kind })).ToList(), StringComparer.Ordinal);
        return ([.. runs.Select(r => new TrajectoryEmbeddings(r.Run.Id, r.Run.TaskDescription, made[r.Run.Id]))], [.. refused.DistinctBy(f => f.TrajectoryId)], stopped);
    }

    // A text that was set through the API (POST …/embedding) stays the embedded one.
    private static IEnumerable<(string Kind, string Text)> Texts(TrajectoryTexts run) =>
        run.Texts.Where(t => !string.Equals(t.Key, EmbeddingService.TaskKind, StringComparison.Ordinal)).Select(t => (t.Key, t.Value))
            .Prepend((EmbeddingService.TaskKind, run.Texts.GetValueOrDefault(EmbeddingService.TaskKind, run.Run.TaskDescription)));
}
