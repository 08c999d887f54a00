using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LlmProxy.Server.Dashboard;

/// <summary>A problem of the proxy, with its fix.</summary>
/// <param name="Text">The problem.</param>
/// <param name="Fix">The fix.</param>
public sealed record HealthProblem(string Text, string Fix);

/// <summary>What every page shows around its content.</summary>
/// <param name="Path">Path of the page.</param>
/// <param name="Who">Who is signed in, or null.</param>
/// <param name="NeedsKey">Whether visitors sign in with a key.</param>
/// <param name="MayEdit">Whether the visitor may change and delete.</param>
/// <param name="FormField">Name of the antiforgery field.</param>
/// <param name="FormToken">Its value.</param>
/// <param name="Problems">What does not work.</param>
public sealed record PageFrame(string Path, string? Who, bool NeedsKey, bool MayEdit, string FormField, string FormToken, IReadOnlyList<HealthProblem> Problems);

/// <summary>Makes the frames of pages.</summary>
internal sealed class PageFrames(
    DashboardSessions sessions, IAntiforgery antiforgery, IStoreLifecycle store, RetryingStore recorderStore, Spool spool, EmbeddingService embeddings, TemplateDirectory templates)
{
    /// <summary>A page with its frame and further parameters.</summary>
    public async Task<IResult> PageAsync<TPage>(HttpContext context, Dictionary<string, object?> parameters, int status = 200)
        where TPage : IComponent
    {
        parameters["Frame"] = await FrameAsync(context);

        // Antiforgery sets headers of its own.
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XFrameOptions = "DENY";
        return new RazorComponentResult<TPage>(parameters) { StatusCode = status, PreventStreamingRendering = true };
    }

    /// <summary>A page with a message.</summary>
    public Task<IResult> MessageAsync(HttpContext context, int status, string title, string text) =>
        PageAsync<MessagePage>(context, new() { ["Title"] = title, ["Text"] = text }, status);

    /// <summary>What does not work.</summary>
    public async Task<IReadOnlyList<HealthProblem>> FindProblemsAsync(CancellationToken cancellationToken)
    {
        var problems = new List<HealthProblem>();
        var health = await HealthEndpoints.CheckAsync(store, cancellationToken);
        if ((health.Ok ? recorderStore.Problem : health.Error) is { } error)
        {
            problems.Add(new($"The store ({store.Provider}) is unavailable: {error}", "Check LlmProxy:Storage:ConnectionString. Requests are still forwarded and recorded in the spool."));
        }

        if (!spool.IsWritable)
        {
            problems.Add(new("The spool cannot be written: nothing is recorded.", "Make LlmProxy:Recording:Spool:Directory writable, and check the free space of its disk."));
        }

        if ((embeddings.Problem ?? embeddings.LastError) is { } problem)
        {
            problems.Add(new($"The embedder {embeddings.Model} does not work: {problem}", "Check its key and LlmProxy:Embeddings:Endpoint. Until then the lexical embedder is used."));
        }

        problems.AddRange(templates.Status.Where(file => !file.Ok).Select(file => new HealthProblem($"Template {file.Path}: {file.Error}", "Correct the file; the last valid version is in use until then.")));
        return problems;
    }

    private async Task<PageFrame> FrameAsync(HttpContext context)
    {
        var visit = context.Features.Get<Visit>() ?? new Visit(false, false);
        var tokens = antiforgery.GetAndStoreTokens(context);
        var isOpen = visit.IsSignedIn || !sessions.NeedsKey;
        return new PageFrame(
            context.Request.Path, visit.IsSignedIn ? context.GetActor() : null, sessions.NeedsKey, visit.MayEdit, tokens.FormFieldName, tokens.RequestToken!,
            isOpen ? await FindProblemsAsync(context.RequestAborted) : []);
    }
}
