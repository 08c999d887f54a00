using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Server.Dashboard;

/// <summary>The visitor of a page.</summary>
/// <param name="MayEdit">Whether the visitor may change and delete what is stored.</param>
/// <param name="IsSignedIn">Whether the visitor has a session.</param>
internal sealed record Visit(bool MayEdit, bool IsSignedIn);

/// <summary>Marks a page that needs no session.</summary>
internal sealed class OpenToVisitors;

/// <summary>Marks a form that every visitor may send who may read: it reports an outcome.</summary>
internal sealed class OpenToReaders;

/// <summary>Checks the visitor of each page and the antiforgery token of each form, and adds the headers of every response.</summary>
internal sealed class DashboardGuard(DashboardSessions sessions, LocalAccess local, IAntiforgery antiforgery, PageFrames frames) : IEndpointFilter
{
    private const long LargestForm = 1 << 20;
    private const string Policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        AddHeaders(http.Response.Headers);
        var caller = sessions.Find(http);
        var needsSession = sessions.NeedsKey || local.CoversReading;
        http.Features.Set(caller ?? Caller.Anonymous);
        http.Features.Set(new Visit(caller is not null, caller is not null));
        var marks = http.GetEndpoint()!.Metadata;
        if (caller is null && needsSession && marks.GetMetadata<OpenToVisitors>() is null)
        {
            return HttpMethods.IsGet(http.Request.Method)
                ? Results.Redirect($"{DashboardEndpoints.Prefix}/sign-in?return={Uri.EscapeDataString(http.Request.Path + http.Request.QueryString)}")
                : await frames.MessageAsync(http, 401, "Sign in", "The session has ended. Sign in and send the form again.");
        }

        if (HttpMethods.IsPost(http.Request.Method) && await WhyRefusedAsync(http, caller is not null, marks) is { } refusal)
        {
            return refusal;
        }

        return await RunAsync(http, () => next(context));
    }

    private async Task<IResult?> WhyRefusedAsync(HttpContext http, bool isSignedIn, EndpointMetadataCollection marks)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = LargestForm;
        }

        if (!await antiforgery.IsRequestValidAsync(http))
        {
            return await frames.MessageAsync(http, 400, "The form is out of date", "The form was not sent by a page of this proxy, or the proxy was restarted since. Load the page again and repeat.");
        }

        return isSignedIn || marks.GetMetadata<OpenToReaders>() is not null || marks.GetMetadata<OpenToVisitors>() is not null
            ? null
            : await frames.MessageAsync(http, 403, "Read-only", "Changing and deleting needs the link that \"llmproxy ui\" prints on the machine of the proxy.");
    }

    private async ValueTask<object?> RunAsync(HttpContext http, Func<ValueTask<object?>> next)
    {
        try
        {
            return await next();
        }
        catch (ApiProblemException problem)
        {
            return await frames.MessageAsync(http, problem.Status, problem.Title, problem.Message);
        }
        catch (StoreException error)
        {
            return await frames.MessageAsync(http, 503, "Store unavailable", $"{error.Message} Requests are still forwarded. \"llmproxy doctor\" finds the cause.");
        }
    }

    private static void AddHeaders(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers.XFrameOptions = "DENY";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }
}
