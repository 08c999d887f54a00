using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Api;

/// <summary>A request that cannot be served, as an RFC 9457 problem. Thrown where a value is read, answered by the group's filter.</summary>
internal sealed class ApiProblemException(int status, string title, string detail, string? field = null) : Exception(detail)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The kind of problem.</summary>
    public string Title { get; } = title;

    /// <summary>The field or parameter that is wrong, or null.</summary>
    public string? Field { get; } = field;

    /// <summary>A field of the body or a parameter of the query that is wrong.</summary>
    public static ApiProblemException BadField(string field, string whatItMustBe) =>
        new(StatusCodes.Status400BadRequest, "Wrong request", $"'{field}' {whatItMustBe}.", field);
}

/// <summary>Problem details.</summary>
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

    /// <summary>There is no such thing.</summary>
    public static IResult NotFound(string what, string id, string fix) =>
        Result(StatusCodes.Status404NotFound, "Not found", $"There is no {what} '{id}'. {fix}");
}
