using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api.Dtos;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>The HTTP API under <c>/_llmproxy</c>, the health checks, and the response to unknown paths.</summary>
internal static class ApiEndpoints
{
    /// <summary>Prefix of the API's paths.</summary>
    public const string Prefix = ApiGuard.Prefix;

    /// <summary>Order of endpoints ahead of all configured routes, including a catch-all.</summary>
    public const int BeforeRoutes = -1000;

    /// <summary>Adds the services of the endpoints.</summary>
    public static IServiceCollection AddApi(this IServiceCollection services, LlmProxyOptions options)
    {
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default));
        services.AddProblemDetails();
        services.AddOpenApi("openapi", OpenApiText.Configure);
        services.AddSingleton(options.Cleanup);
        services.AddSingleton(options.Curation);
        services.AddSingleton<TrajectoryMapper>();
        return services;
    }

    /// <summary>Maps all endpoints.</summary>
    public static void MapApi(this WebApplication app)
    {
        app.MapHealth();
        var api = app.MapGroup(Prefix);
        api.WithOrder(BeforeRoutes);
        api.AddEndpointFilter(AnswerProblems);
        api.MapStatus();
        api.MapEvents();
        api.MapTasks();
        api.MapTrajectories();
        api.MapReplay();
        api.MapStatistics();
        api.MapSearch();
        api.MapExamples();
        api.MapOutcomes();
        api.MapJudge();
        api.MapMaintenance();
        api.MapPurge();
        api.MapRedaction();
        api.MapExport();
        api.Map("{**rest}", NoSuchCall).OpenToLocalUsers().ExcludeFromDescription();
        app.MapOpenApi(Prefix + "/{documentName}.json").WithOrder(BeforeRoutes);

        // The generated MapFallback sets no order and would win against the proxied routes.
        app.Map("{*path}", NoSuchPath).WithOrder(int.MaxValue).ExcludeFromDescription();
    }

    private static async ValueTask<object?> AnswerProblems(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        try
        {
            return await next(call);
        }
        catch (ApiProblemException problem)
        {
            return ApiProblem.Result(problem.Status, problem.Title, problem.Message, problem.Field);
        }
        catch (StoreException error)
        {
            return ApiProblem.Result(
                StatusCodes.Status503ServiceUnavailable,
                "Store unavailable",
                $"{error.Message} Requests are still forwarded. Run \"llmproxy doctor\" to diagnose the cause.");
        }
    }

    private static IResult NoSuchCall(HttpContext context) => ApiProblem.Result(
        StatusCodes.Status404NotFound,
        "Not found",
        $"No endpoint for {context.Request.Method} {context.Request.Path}. {Prefix}/openapi.json lists the endpoints.");

    private static IResult NoSuchPath(HttpContext context, [FromServices] IConfiguration configuration) => ApiProblem.Result(
        StatusCodes.Status404NotFound,
        "Not found",
        $"No route for {context.Request.Method} {context.Request.Path}. Use one of the base URLs {string.Join(", ", BaseUrls(context, configuration))}, or the API under {Prefix}.");

    private static IEnumerable<string> BaseUrls(HttpContext context, IConfiguration configuration) =>
        Upstreams.BaseUrls.Of(configuration, $"{context.Request.Scheme}://{context.Request.Host}").Select(url => url.Address);
}
