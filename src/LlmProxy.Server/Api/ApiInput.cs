using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LlmProxy.Server.Api;

/// <summary>Reads bodies and query parameters; what is wrong is told by name.</summary>
internal static class ApiInput
{
    private const int MaxBodyBytes = 4 << 20;

    /// <summary>Describes the body. The content type does not matter: <c>curl -d</c> sends a form's, and pages of other sites are told by their origin.</summary>
    public static RouteHandlerBuilder AcceptsJson<T>(this RouteHandlerBuilder endpoint)
        where T : notnull => endpoint.Accepts<T>(isOptional: true, "application/json", "*/*");

    /// <summary>The body as a shape; an empty body is an empty shape.</summary>
    public static async Task<T> ReadBodyAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 << 10];
        int read;
        while ((read = await context.Request.Body.ReadAsync(chunk, context.RequestAborted)) > 0)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > MaxBodyBytes)
            {
                throw new ApiProblemException(StatusCodes.Status413PayloadTooLarge, "Too large", "The body is larger than 4 MiB.");
            }
        }

        var bytes = buffer.GetBuffer().AsSpan(0, (int)buffer.Length);
        if (bytes.Trim(" \t\r\n"u8).IsEmpty)
        {
            return JsonSerializer.Deserialize("{}"u8, type)!;
        }

        try
        {
            return JsonSerializer.Deserialize(bytes, type) ?? throw NoObject();
        }
        catch (JsonException error) when (error.Path is { Length: > 2 } path)
        {
            throw ApiProblemException.BadField(path[2..], MustBe(error));
        }
        catch (JsonException error) when (error.Message.Contains("could not be converted", StringComparison.Ordinal))
        {
            throw NoObject();
        }
        catch (JsonException error)
        {
            throw new ApiProblemException(StatusCodes.Status400BadRequest, "Wrong request", $"The body is no JSON: {error.Message}");
        }

        static ApiProblemException NoObject() =>
            new(StatusCodes.Status400BadRequest, "Wrong request", "The body must be a JSON object.");
    }

    /// <summary>A number of a body within its range.</summary>
    public static double? InRange(string field, double? value, double min, double max) => value is { } number && !(number >= min && number <= max)
        ? throw ApiProblemException.BadField(field, string.Create(CultureInfo.InvariantCulture, $"must be a number from {min} to {max}, not {number}"))
        : value;

    /// <summary>A whole number of a body within its range.</summary>
    public static int? InRange(string field, int? value, int min, int max) => value is { } number && (number < min || number > max)
        ? throw ApiProblemException.BadField(field, string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {min} to {max}, not {number}"))
        : value;

    /// <summary>A text that must be there.</summary>
    public static string Required(string field, string? value, string example) => string.IsNullOrWhiteSpace(value)
        ? throw ApiProblemException.BadField(field, $"is missing; send for example {example}")
        : value;

    /// <summary>A parameter that is a number.</summary>
    public static double? Number(string name, string? value, double min, double max) => string.IsNullOrEmpty(value)
        ? null
        : double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? InRange(name, number, min, max)
            : throw ApiProblemException.BadField(name, string.Create(CultureInfo.InvariantCulture, $"must be a number from {min} to {max}, not \"{value}\""));

    /// <summary>A parameter that is a whole number.</summary>
    public static int? Whole(string name, string? value, int min, int max) => string.IsNullOrEmpty(value)
        ? null
        : int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? InRange(name, number, min, max)
            : throw ApiProblemException.BadField(name, string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {min} to {max}, not \"{value}\""));

    /// <summary>A parameter that is true or false.</summary>
    public static bool? Truth(string name, string? value) => value?.ToLowerInvariant() switch
    {
        null or "" => null,
        "true" or "1" or "yes" => true,
        "false" or "0" or "no" => false,
        _ => throw ApiProblemException.BadField(name, $"must be true or false, not \"{value}\""),
    };

    /// <summary>A parameter that is a time.</summary>
    public static DateTimeOffset? Time(string name, string? value, TimeProvider clock) => string.IsNullOrEmpty(value)
        ? null
        : TimeText.TryParse(value, clock, out var time)
            ? time
            : throw ApiProblemException.BadField(name, $"must be a time such as 2026-11-22, 2026-11-22T08:00:00Z or 7d (seven days ago), not \"{value}\"");

    // The exception names the whole body's type where a member is a parameter of its constructor; the inner one says what
    // was wanted there.
    private static string MustBe(JsonException error) => error.InnerException?.Message switch
    {
        { } inner when inner.Contains("as a boolean", StringComparison.Ordinal) => "must be true or false",
        { } inner when inner.Contains("as a string", StringComparison.Ordinal) => "must be a text",
        { } inner when inner.Contains("as a number", StringComparison.Ordinal) => "must be a number",
        { } inner when inner.Contains("Int32", StringComparison.Ordinal) || inner.Contains("Int64", StringComparison.Ordinal) => "must be a whole number",
        _ => MustBe(error.Message),
    };

    private static string MustBe(string message) =>
        message.Contains("System.Boolean", StringComparison.Ordinal) ? "must be true or false"
        : message.Contains("System.Double", StringComparison.Ordinal) || message.Contains("System.Decimal", StringComparison.Ordinal) ? "must be a number"
        : message.Contains("System.Int", StringComparison.Ordinal) ? "must be a whole number"
        : message.Contains("System.String", StringComparison.Ordinal) && message.Contains("List", StringComparison.Ordinal) ? "must be a list of texts"
        : message.Contains("System.String", StringComparison.Ordinal) ? "must be a text"
        : message.Contains("could not be converted", StringComparison.Ordinal) ? "must be an object"
        : $"is no JSON ({message})";
}
