using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;
using LlmProxy.Server.Access;

namespace LlmProxy.Server.Dashboard;

/// <summary>
/// Lets people into the dashboard. With keys they sign in with one; without keys, reading is open on this machine, and editing needs the
/// one-time link of <c>llmproxy ui</c>. Hosts and origins are checked before, as for the API. Runs in place of the check of API keys.
/// </summary>
internal sealed class DashboardGuard(KeyRing keys, CorrelationSecret secret, LlmProxyOptions options, TimeProvider time)
{
    private const string ContentPolicy = "default-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Whether a request is for the dashboard.</summary>
    public static bool Guards(HttpRequest request) => request.Path.StartsWithSegments(DashboardEndpoints.Prefix, StringComparison.OrdinalIgnoreCase);

    /// <summary>Checks a request; true if it may go on.</summary>
    public async Task<bool> AdmitAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (IsOpen(context.Request))
        {
            return true;
        }

        var session = DashboardSession.Of(context.Request, secret, time);
        var caller = keys.HasKeys
            ? session?.KeyName is { } name ? keys.FindByName(name) : null
            : session is not null || options.Auth.LocalToken != LocalTokenScope.All ? Caller.Anonymous : null;
        if (caller is not { IsAdmin: true })
        {
            if (HttpMethods.IsGet(context.Request.Method))
            {
                context.Response.Redirect(DashboardEndpoints.Prefix + "/sign-in?to=" + Uri.EscapeDataString(context.Request.Path + context.Request.QueryString));
            }
            else
            {
                await RefuseAsync(context, "Sign in first.");
            }

            return false;
        }

        var canEdit = session is not null;
        var user = new DashboardUser(canEdit, canEdit ? session!.FormToken(secret) : null);
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            var presented = context.Request.HasFormContentType ? (await context.Request.ReadFormAsync(context.RequestAborted))["token"].ToString() : "";
            if (user.FormToken is null || presented != user.FormToken)
            {
                await RefuseAsync(context, "The form is out of date, or editing is not allowed: open the page with the link of \"llmproxy ui\", and send it again.");
                return false;
            }
        }

        context.Features.Set(user);
        context.Features.Set(caller);
        return true;
    }

    // What every visitor needs: the sign-in page and what it looks like.
    private static bool IsOpen(HttpRequest request) =>
        request.Path.StartsWithSegments(DashboardEndpoints.Prefix + "/assets", StringComparison.OrdinalIgnoreCase)
        || request.Path.Equals(DashboardEndpoints.Prefix + "/sign-in", StringComparison.OrdinalIgnoreCase);

    private static Task RefuseAsync(HttpContext context, string detail) => ApiGuard.RefuseAsync(context, StatusCodes.Status403Forbidden, "Not allowed", detail);
}
