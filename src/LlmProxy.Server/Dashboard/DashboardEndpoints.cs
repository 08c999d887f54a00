using LlmProxy.Core.Configuration;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Mvc;
using MediaTypeHeaderValue = Microsoft.Net.Http.Headers.MediaTypeHeaderValue;

namespace LlmProxy.Server.Dashboard;

/// <summary>The pages under <c>/_llmproxy/ui</c>: rendered here, without a script that they need and without a connection that stays.</summary>
internal static class DashboardEndpoints
{
    /// <summary>Prefix of the pages' paths.</summary>
    public const string Prefix = ApiGuard.Prefix + "/ui";

    /// <summary>Path of the call that makes a one-time link, below the API's prefix.</summary>
    public const string LinksPath = "/ui/links";

    /// <summary>Adds the services of the pages.</summary>
    public static IServiceCollection AddDashboard(this IServiceCollection services, Func<IReadOnlyList<EffectiveSetting>> settings)
    {
        services.AddRazorComponents();
        services.Configure<AntiforgeryOptions>(antiforgery =>
        {
            antiforgery.Cookie.Name = "llmproxy-form";
            antiforgery.Cookie.Path = Prefix;
            antiforgery.Cookie.SameSite = SameSiteMode.Strict;
            antiforgery.FormFieldName = "form-token";
        });
        return services.AddSingleton(new SettingsSource(settings)).AddSingleton<TemplateWorkbench>().AddSingleton<DashboardSessions>().AddSingleton<OneTimeLinks>().AddSingleton<PageFrames>().AddSingleton<DashboardGuard>();
    }

    /// <summary>Maps the pages.</summary>
    public static void MapDashboard(this WebApplication app)
    {
        var guard = app.Services.GetRequiredService<DashboardGuard>();
        var pages = app.MapGroup(Prefix);
        pages.WithOrder(ApiEndpoints.BeforeRoutes);
        pages.WithMetadata(new ChecksItsCallers());
        pages.ExcludeFromDescription();
        pages.AddEndpointFilter((context, next) => guard.InvokeAsync(context, next));
        pages.MapGet("/assets/{name}", (HttpContext context, string name) => DashboardAssets.Send(context, name)).WithMetadata(new OpenToVisitors());
        pages.MapSignIn();
        pages.MapOverview();
        pages.MapRuns();
        pages.MapComparison();
        pages.MapLearning();
        pages.MapTemplates();
        pages.MapSystem();
        pages.MapLive();

        // Checked like a request of the API: the verb sends the local token.
        app.MapPost(ApiGuard.Prefix + LinksPath, ([FromServices] OneTimeLinks links) => TypedResults.Json(new DashboardLinkResponse(links.Create()), ApiJson.Default.DashboardLinkResponse)).WithOrder(ApiEndpoints.BeforeRoutes).ExcludeFromDescription();
    }

    /// <summary>Whether a browser asks for a page.</summary>
    public static bool IsBrowser(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var types) && types.Any(type => type.MediaType.Equals("text/html", StringComparison.OrdinalIgnoreCase));

    private static void MapSignIn(this RouteGroupBuilder pages)
    {
        pages.MapGet("/sign-in", (HttpContext context, [FromServices] PageFrames frames) => SignInPageAsync(context, frames, context.Request.Query["return"].ToString(), isWrong: false)).WithMetadata(new OpenToVisitors());
        pages.MapPost("/sign-in", SignInAsync).WithMetadata(new OpenToVisitors());
        pages.MapPost("/sign-out", (HttpContext context) =>
        {
            DashboardSessions.SignOut(context);
            return TypedResults.Redirect(Prefix + "/sign-in");
        }).WithMetadata(new OpenToReaders());
        pages.MapGet("/open", OpenAsync).WithMetadata(new OpenToVisitors());
    }

    private static async Task<IResult> SignInAsync(HttpContext context, [FromServices] DashboardSessions sessions, [FromServices] PageFrames frames)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        return sessions.TrySignIn(context, form["key"].ToString().Trim())
            ? TypedResults.Redirect(OwnPath(form["return"].ToString()))
            : await SignInPageAsync(context, frames, form["return"].ToString(), isWrong: true);
    }

    private static async Task<IResult> OpenAsync(HttpContext context, [FromServices] OneTimeLinks links, [FromServices] DashboardSessions sessions, [FromServices] PageFrames frames)
    {
        if (!links.TryUse(context.Request.Query["code"].ToString()))
        {
            return await frames.MessageAsync(context, 403, "The link is used up", "Each link opens the dashboard once, within ten minutes. \"llmproxy ui\" prints another one.");
        }

        sessions.SignInLocalUser(context);
        return TypedResults.Redirect(Prefix);
    }

    private static Task<IResult> SignInPageAsync(HttpContext context, PageFrames frames, string path, bool isWrong) =>
        frames.PageAsync<SignInPage>(context, new() { ["Return"] = OwnPath(path), ["IsWrong"] = isWrong }, isWrong ? 403 : 200);

    // Never to another site.
    private static string OwnPath(string path) =>
        path.StartsWith(Prefix + "/", StringComparison.Ordinal) && !path.Contains('\\', StringComparison.Ordinal) && !path.Any(char.IsControl) ? path : Prefix;
}
