using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LlmProxy.Server.Dashboard;

/// <summary>The addresses of the dashboard: pages, forms, the live stream, and the files that pages need.</summary>
internal static class DashboardEndpoints
{
    /// <summary>Prefix of the dashboard's paths.</summary>
    public const string Prefix = ApiGuard.Prefix + "/ui";

    /// <summary>Path at which the machine's user gets a one-time link, with the local token.</summary>
    public const string LinkPath = "/ui-link";

    private const string Html = "text/html";

    /// <summary>Whether <c>GET /</c> leads to the dashboard: for browsers.</summary>
    public static bool LeadsHere(HttpRequest request) =>
        request.HttpContext.RequestServices.GetRequiredService<LlmProxyOptions>().Dashboard.Enabled && request.Headers.Accept.ToString().Contains(Html, StringComparison.OrdinalIgnoreCase);

    /// <summary>Maps everything.</summary>
    public static void MapDashboard(this WebApplication app, LlmProxyOptions options)
    {
        if (!options.Dashboard.Enabled)
        {
            return;
        }

        app.MapPost(ApiGuard.Prefix + LinkPath, CreateLink).WithOrder(ApiEndpoints.BeforeRoutes).ExcludeFromDescription();
        var ui = app.MapGroup(Prefix);
        ui.WithOrder(ApiEndpoints.BeforeRoutes).ExcludeFromDescription();
        ui.AddEndpointFilter(AnswerProblems);
        ui.MapGet("/assets/{name}", (HttpContext context) => DashboardAssets.Get(context));
        ui.MapGet("/sign-in", (HttpContext context) => SignIn.Page(context));
        ui.MapPost("/sign-in", (HttpContext context, CancellationToken _) => SignIn.EnterAsync(context));
        ui.MapGet("/events", (HttpContext context, CancellationToken _) => EventEndpoints.WatchAsync(
            context, Service<ExchangeFeed>(context), Service<TimeProvider>(context), Service<IHostApplicationLifetime>(context), context.RequestAborted));
        ui.MapGet("/", (HttpContext context, CancellationToken _) => Pages.OverviewAsync(context));
        ui.MapGet("/live", (HttpContext context, CancellationToken _) => Pages.LiveAsync(context));
        ui.MapGet("/trajectories", (HttpContext context, CancellationToken _) => Pages.RunsAsync(context));
        ui.MapGet("/trajectories/{id}", (HttpContext context, CancellationToken _) => Pages.RunAsync(context));
        ui.MapGet("/examples", (HttpContext context, CancellationToken _) => Pages.ExamplesAsync(context));
        ui.MapGet("/experiments", (HttpContext context, CancellationToken _) => Pages.ExperimentsAsync(context));
        ui.MapGet("/cost", (HttpContext context, CancellationToken _) => Pages.CostAsync(context));
        ui.MapGet("/settings", (HttpContext context, CancellationToken _) => Pages.SettingsAsync(context));
        ui.MapGet("/connect", (HttpContext context, CancellationToken _) => Pages.ConnectAsync(context));
        ui.MapPost("/trajectories/{id}/outcome", (HttpContext context, CancellationToken _) => StateOutcomeAsync(context));
        ui.MapPost("/trajectories/{id}/delete", (HttpContext context, CancellationToken _) => DeleteAsync(context));
        ui.MapPost("/examples/{id}", (HttpContext context, CancellationToken _) => ChangeExampleAsync(context));
        ui.Map("/{**rest}", (HttpContext context) => Message(context, StatusCodes.Status404NotFound, "Not found", $"There is no page {context.Request.Path}."));
    }

    /// <summary>A service of a request.</summary>
    public static T Service<T>(HttpContext context)
        where T : notnull => context.RequestServices.GetRequiredService<T>();

    /// <summary>A value of a form.</summary>
    public static string Field(HttpContext context, string name) => context.Request.Form[name].ToString();

    /// <summary>A page with one message.</summary>
    public static IResult Message(HttpContext context, int status, string title, string text)
    {
        context.Response.StatusCode = status;
        return new RazorComponentResult<MessagePage>(new { Title = title, Text = text });
    }

    private static async ValueTask<object?> AnswerProblems(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        try
        {
            return await next(call);
        }
        catch (ApiProblemException problem)
        {
            return Message(call.HttpContext, problem.Status, problem.Title, problem.Message);
        }
        catch (StoreException error)
        {
            return Message(call.HttpContext, StatusCodes.Status503ServiceUnavailable, "Store unavailable", $"{error.Message} Requests are still forwarded. \"llmproxy doctor\" diagnoses the cause.");
        }
    }

    private static IResult CreateLink(HttpContext context) =>
        TypedResults.Text($"{context.Request.Scheme}://{context.Request.Host}{Prefix}/sign-in?code={Service<SignInLinks>(context).Create()}");

    private static string IdOf(HttpContext context) => context.Request.RouteValues["id"]?.ToString() ?? "";

    private static IResult NoRun(HttpContext context) => Message(context, StatusCodes.Status404NotFound, "Not found", "There is no such trajectory. It may have been deleted.");

    private static async Task<IResult> StateOutcomeAsync(HttpContext context)
    {
        var tasks = Service<TaskService>(context);
        if (await tasks.FindAsync(context.GetTenant(), IdOf(context), context.RequestAborted) is not { } run)
        {
            return NoRun(context);
        }

        var stated = new StatedResult(Field(context, "success") == "true", OutcomeSource.Human, context.GetCaller().KeyName);
        var comment = Field(context, "comment") is { Length: > 0 } text ? text : null;
        await tasks.CompleteAsync(run.Tenant, run.TaskId, stated, null, comment, context.RequestAborted);
        return TypedResults.Redirect($"{Prefix}/trajectories/{run.Id}");
    }

    private static async Task<IResult> DeleteAsync(HttpContext context)
    {
        if (Field(context, "sure") != "yes")
        {
            return Message(context, StatusCodes.Status400BadRequest, "Not deleted", "Confirm the deletion with the box next to the button.");
        }

        return await Service<TaskService>(context).FindAsync(context.GetTenant(), IdOf(context), context.RequestAborted) is { } run
            && await Service<TrajectoryPurge>(context).DeleteAsync(run, context.GetActor(), context.RequestAborted)
            ? TypedResults.Redirect(Prefix + "/trajectories")
            : NoRun(context);
    }

    private static async Task<IResult> ChangeExampleAsync(HttpContext context)
    {
        if (await Service<TaskService>(context).FindAsync(context.GetTenant(), IdOf(context), context.RequestAborted) is not { } run)
        {
            return NoRun(context);
        }

        var store = Service<Core.Experiments.IExampleStore>(context);
        var row = await ExampleEndpoints.FindAsync(store, run, context.RequestAborted);
        row = Field(context, "do") switch
        {
            "pin" => row with { Pinned = true },
            "unpin" => row with { Pinned = false },
            "retire" => row with { Retired = true },
            "allow" => row with { Retired = false },
            var other => throw ApiProblemException.BadField("do", $"must be pin, unpin, retire or allow, not \"{other}\""),
        };
        await store.UpdateExampleAsync(run.Tenant, row, context.RequestAborted);
        return TypedResults.Redirect(Prefix + "/examples");
    }
}

/// <summary>Files that pages need; each has a tag, so that a browser asks again only after an update.</summary>
internal static class DashboardAssets
{
    private static readonly Dictionary<string, (byte[] Bytes, string Type, string Tag)> Files = new[] { ("app.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml") }
        .ToDictionary(file => file.Item1, file => Read(file.Item1, file.Item2), StringComparer.Ordinal);

    /// <summary>A file.</summary>
    public static IResult Get(HttpContext context)
    {
        if (!Files.TryGetValue(context.Request.RouteValues["name"]?.ToString() ?? "", out var file))
        {
            return TypedResults.NotFound();
        }

        context.Response.Headers.CacheControl = "no-cache";
        return TypedResults.Bytes(file.Bytes, file.Type + "; charset=utf-8", entityTag: new Microsoft.Net.Http.Headers.EntityTagHeaderValue(file.Tag));
    }

    private static (byte[] Bytes, string Type, string Tag) Read(string name, string type)
    {
        using var stream = typeof(DashboardAssets).Assembly.GetManifestResourceStream("dashboard/" + name) ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return (bytes.ToArray(), type, string.Create(CultureInfo.InvariantCulture, $"\"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes.ToArray()))[..16]}\""));
    }
}

/// <summary>Signing in: with a key, or with a one-time link.</summary>
internal static class SignIn
{
    private const string Expired = "The link was used already, or is older than a minute. Run \"llmproxy ui\" again.";

    /// <summary>The page; a good code in its address signs the machine's user in.</summary>
    public static IResult Page(HttpContext context)
    {
        var keys = DashboardEndpoints.Service<KeyRing>(context);
        var code = context.Request.Query["code"].ToString();
        if (!keys.HasKeys && code.Length > 0 && DashboardEndpoints.Service<SignInLinks>(context).Use(code))
        {
            return Enter(context, null);
        }

        return Show(context, keys, code.Length > 0 ? Expired : null);
    }

    /// <summary>Takes a key.</summary>
    public static async Task<IResult> EnterAsync(HttpContext context)
    {
        var keys = DashboardEndpoints.Service<KeyRing>(context);
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        return keys.Find(form["key"].ToString()) is { IsAdmin: true, KeyName: { } name }
            ? Enter(context, name)
            : Show(context, keys, "This is no admin key of this proxy.");
    }

    private static RedirectHttpResult Enter(HttpContext context, string? keyName)
    {
        DashboardSession.Begin(keyName, DashboardEndpoints.Service<TimeProvider>(context)).Write(context, DashboardEndpoints.Service<CorrelationSecret>(context));
        var to = context.Request.HasFormContentType ? context.Request.Form["to"].ToString() : "";

        // Only to a page of the dashboard: the address could name another site.
        return TypedResults.Redirect(to.StartsWith(DashboardEndpoints.Prefix + "/", StringComparison.Ordinal) && !to.Contains('\\', StringComparison.Ordinal) ? to : DashboardEndpoints.Prefix);
    }

    private static RazorComponentResult<SignInPage> Show(HttpContext context, KeyRing keys, string? problem)
    {
        context.Response.StatusCode = problem is null ? StatusCodes.Status200OK : StatusCodes.Status403Forbidden;
        return new RazorComponentResult<SignInPage>(new { HasKeys = keys.HasKeys, Problem = problem, To = context.Request.Query["to"].ToString() });
    }
}
