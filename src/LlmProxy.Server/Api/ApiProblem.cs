using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>An invalid request. The group's filter turns it into an RFC 9457 problem.</summary>
internal sealed class ApiProblemException(int status, string title, string detail, string? field = null) : Exception(detail)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>Title of the problem.</summary>
    public string Title { get; } = title;

    /// <summary>The invalid field or parameter, or null.</summary>
    public string? Field { get; } = field;

    /// <summary>An invalid field of the body or parameter of the query.</summary>
    public static ApiProblemException BadField(string field, string requirement) =>
        new(StatusCodes.Status400BadRequest, "Invalid request", $"'{field}' {requirement}.", field);
}

/// <summary>Creates problem details.</summary>
internal static class ApiProblem
{
    /// <summary>A problem as an endpoint's result.</summary>
    public static IResult Result(int status, string title, string detail, string? field = null)
    {
        var problem = new ProblemDetails { Status = status, Title = title, Detail = detail };
        if (field is not null)
        {
            problem.Extensions["field"] = field;
        }

        return TypedResults.Problem(problem);
    }

    /// <summary>Reports an unknown id.</summary>
    public static IResult NotFound(string what, string id, string fix) =>
        Result(StatusCodes.Status404NotFound, "Not found", $"No {what} with id '{id}'. {fix}");
}
