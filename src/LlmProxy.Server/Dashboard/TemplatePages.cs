using LlmProxy.Core.Recording;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>The template files: read, checked as one types, tried on recorded trajectories, and saved.</summary>
internal static class TemplatePages
{
    private const int LongestTemplate = 200_000;

    public static void MapTemplates(this RouteGroupBuilder pages)
    {
        pages.MapGet("/templates", ReadAsync);

        // These two change nothing.
        pages.MapPost("/templates/check", CheckAsync).WithMetadata(new OpenToReaders());
        pages.MapPost("/templates", TryAsync).WithMetadata(new OpenToReaders());
        pages.MapPost("/templates/save", SaveAsync);
    }

    private static Task<IResult> ReadAsync(HttpContext context, [FromServices] PageFrames frames, [FromServices] TemplateWorkbench workbench, string? file)
    {
        var name = file ?? workbench.Files.Keys.Order(StringComparer.Ordinal).FirstOrDefault() ?? "";
        return workbench.Files.TryGetValue(name, out var text)
            ? PageAsync(context, frames, workbench, name, text, workbench.Check(name, text), context.Request.Query.ContainsKey("saved"), null, "")
            : frames.MessageAsync(context, 404, "Not found", $"No template is called {name}.");
    }

    private static async Task<IResult> CheckAsync(HttpContext context, [FromServices] TemplateWorkbench workbench, CancellationToken cancellationToken)
    {
        var (file, text, _) = await ReadFormAsync(context, workbench, cancellationToken);
        return new FindingsResult(workbench.Check(file, text));
    }

    private static async Task<IResult> TryAsync(HttpContext context, [FromServices] PageFrames frames, [FromServices] TemplateWorkbench workbench, [FromServices] TaskService tasks, CancellationToken cancellationToken)
    {
        var (file, text, form) = await ReadFormAsync(context, workbench, cancellationToken);
        var id = form["run"].ToString().Trim();
        IReadOnlyList<TriedPrompt> tried;
        if (form["try"] == "latest")
        {
            tried = await workbench.TryLatestAsync(context.GetTenant(), file, text, cancellationToken);
        }
        else
        {
            var run = await tasks.FindAsync(context.GetTenant(), id.Length > 0 ? id : "last", cancellationToken) ?? throw new ApiProblemException(404, "Not found", $"No trajectory has the id '{id}'.", "run");
            tried = await workbench.TryAsync(run, file, text, cancellationToken) is { } one ? [one] : [];
        }

        return await PageAsync(context, frames, workbench, file, text, workbench.Check(file, text), isSaved: false, tried, id);
    }

    private static async Task<IResult> SaveAsync(HttpContext context, [FromServices] PageFrames frames, [FromServices] TemplateWorkbench workbench, CancellationToken cancellationToken)
    {
        var (file, text, _) = await ReadFormAsync(context, workbench, cancellationToken);
        if (workbench.WhyReadOnly is { } reason)
        {
            return await frames.MessageAsync(context, 403, "Read-only", reason);
        }

        var findings = await workbench.SaveAsync(file, text, cancellationToken);
        return findings.Count == 0
            ? TypedResults.Redirect($"{DashboardEndpoints.Prefix}/templates{QueryString.Create("file", file).Add("saved", "1")}")
            : await PageAsync(context, frames, workbench, file, text, findings, isSaved: false, null, "");
    }

    private static async Task<(string File, string Text, IFormCollection Form)> ReadFormAsync(HttpContext context, TemplateWorkbench workbench, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var (file, text) = (form["file"].ToString(), form["text"].ToString().ReplaceLineEndings("\n"));

        // Only files that are there: a name is never a path of the sender's choice.
        return !workbench.Files.ContainsKey(file) ? throw ApiProblemException.BadField("file", "must be one of the templates in use")
            : text.Length > LongestTemplate ? throw ApiProblemException.BadField("text", FormattableString.Invariant($"must have at most {LongestTemplate} characters"))
            : (file, text, form);
    }

    private static Task<IResult> PageAsync(
        HttpContext context, PageFrames frames, TemplateWorkbench workbench, string file, string text, IReadOnlyList<TemplateFinding> findings, bool isSaved, IReadOnlyList<TriedPrompt>? tried, string run) =>
        frames.PageAsync<TemplatesPage>(context, new()
        {
            ["Files"] = workbench.Files.Keys.Order(StringComparer.Ordinal).ToList(),
            ["File"] = file,
            ["Text"] = text,
            ["Findings"] = findings,
            ["WhyReadOnly"] = workbench.WhyReadOnly,
            ["IsSaved"] = isSaved,
            ["Tried"] = tried,
            ["RunId"] = run,
        });

    /// <summary>Findings as JSON, for the page's script.</summary>
    private sealed class FindingsResult(IReadOnlyList<TemplateFinding> findings) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var array = new System.Text.Json.Nodes.JsonArray([.. findings.Select(found => (System.Text.Json.Nodes.JsonNode)new System.Text.Json.Nodes.JsonObject { ["text"] = Show.Line(found.Text), ["isError"] = found.IsError })]);
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            return httpContext.Response.WriteAsync(array.ToJsonString(), httpContext.RequestAborted);
        }
    }
}
