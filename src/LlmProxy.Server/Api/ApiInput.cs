using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LlmProxy.Server.Api;

/// <summary>Reads bodies and query parameters; errors name the field.</summary>
internal static class ApiInput
{
    private const int MaxBodyBytes = 4 << 20;

    // Fewer characters are in every run.
    private const int MinSearched = 3;
    private const int MaxSearched = 1_000;

    /// <summary>Describes the body. Any content type is accepted: <c>curl -d</c> sends that of a form, and cross-origin requests are rejected by their origin.</summary>
    public static RouteHandlerBuilder AcceptsJson<T>(this RouteHandlerBuilder endpoint)
        where T : notnull => endpoint.Accepts<T>(isOptional: true, "application/json", "*/*");

    /// <summary>Reads the body; an empty body counts as an empty object.</summary>
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
                throw new ApiProblemException(StatusCodes.Status413PayloadTooLarge, "Body too large", "The request body exceeds 4 MiB. Send less.");
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
            throw new ApiProblemException(StatusCodes.Status400BadRequest, "Invalid request", $"The request body is not valid JSON: {error.Message}");
        }

        static ApiProblemException NoObject() =>
            new(StatusCodes.Status400BadRequest, "Invalid request", "The request body must be a JSON object.");
    }

    /// <summary>A text parameter, or null if it is empty.</summary>
    public static string? Text(string? value) => string.IsNullOrEmpty(value) ? null : value;

    /// <summary>A text to search recorded texts for, or null if it is empty.</summary>
    public static string? SearchedText(string name, string? value) => string.IsNullOrEmpty(value)
        ? null
        : value.Trim().Length is >= MinSearched and <= MaxSearched
            ? value
            : throw ApiProblemException.BadField(name, string.Create(CultureInfo.InvariantCulture, $"must be a text of {MinSearched} to {MaxSearched} characters"));

    /// <summary>Checks the range of a number in the body.</summary>
    public static double? InRange(string field, double? value, double min, double max) => value is { } number && !(number >= min && number <= max)
        ? throw ApiProblemException.BadField(field, string.Create(CultureInfo.InvariantCulture, $"must be a number from {min} to {max}, not {number}"))
        : value;

    /// <summary>Checks the range of an integer in the body.</summary>
    public static int? InRange(string field, int? value, int min, int max) => value is { } number && (number < min || number > max)
        ? throw ApiProblemException.BadField(field, string.Create(CultureInfo.InvariantCulture, $"must be an integer from {min} to {max}, not {number}"))
        : value;

    /// <summary>Checks that a required text is present.</summary>
    public static string Required(string field, string? value, string example) => string.IsNullOrWhiteSpace(value)
        ? throw ApiProblemException.BadField(field, $"is missing; send, for example, {example}")
        : value;

    /// <summary>Parses a number parameter.</summary>
    public static double? Number(string name, string? value, double min, double max) => string.IsNullOrEmpty(value)
        ? null
        : double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? InRange(name, number, min, max)
            : throw ApiProblemException.BadField(name, string.Create(CultureInfo.InvariantCulture, $"must be a number from {min} to {max}, not \"{value}\""));

    /// <summary>Parses an integer parameter.</summary>
    public static int? Whole(string name, string? value, int min, int max) => string.IsNullOrEmpty(value)
        ? null
        : int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? InRange(name, number, min, max)
            : throw ApiProblemException.BadField(name, string.Create(CultureInfo.InvariantCulture, $"must be an integer from {min} to {max}, not \"{value}\""));

    /// <summary>Parses a boolean parameter.</summary>
    public static bool? Truth(string name, string? value) => value?.ToLowerInvariant() switch
    {
        null or "" => null,
        "true" or "1" or "yes" => true,
        "false" or "0" or "no" => false,
        _ => throw ApiProblemException.BadField(name, $"must be true or false, not \"{value}\""),
    };

    /// <summary>Parses a time parameter.</summary>
    public static DateTimeOffset? Time(string name, string? value, TimeProvider clock) => string.IsNullOrEmpty(value)
        ? null
        : TimeText.TryParse(value, clock, out var time)
            ? time
            : throw ApiProblemException.BadField(name, $"must be a time such as 2026-11-22, 2026-11-22T08:00:00Z or 7d (seven days ago), not \"{value}\"");

    // For a member that is a constructor parameter the exception names the type of the whole body; the inner exception
    // names the member's.
    private static string MustBe(JsonException error) => error.InnerException?.Message switch
    {
        { } inner when inner.Contains("as a boolean", StringComparison.Ordinal) => "must be true or false",
        { } inner when inner.Contains("as a string", StringComparison.Ordinal) => "must be a string",
        { } inner when inner.Contains("as a number", StringComparison.Ordinal) => "must be a number",
        { } inner when inner.Contains("Int32", StringComparison.Ordinal) || inner.Contains("Int64", StringComparison.Ordinal) => "must be an integer",
        _ => MustBe(error.Message),
    };

    private static string MustBe(string message) =>
        message.Contains("System.Boolean", StringComparison.Ordinal) ? "must be true or false"
        : message.Contains("System.Double", StringComparison.Ordinal) || message.Contains("System.Decimal", StringComparison.Ordinal) ? "must be a number"
        : message.Contains("System.Int", StringComparison.Ordinal) ? "must be an integer"
        : message.Contains("System.String", StringComparison.Ordinal) && message.Contains("List", StringComparison.Ordinal) ? "must be an array of strings"
        : message.Contains("System.String", StringComparison.Ordinal) ? "must be a string"
        : message.Contains("could not be converted", StringComparison.Ordinal) ? "must be an object"
        : $"is not valid JSON ({message})";
}
