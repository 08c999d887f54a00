using System.Globalization;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline;

/// <summary>Reads completion calls from HTTP requests.</summary>
internal static class IncomingCalls
{
    /// <summary>Reads the call of a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="dialect">Its wire format.</param>
    /// <param name="body">Its body; null if it exceeds a limit.</param>
    /// <param name="arrived">When it arrived, by the pipeline's clock.</param>
    /// <param name="taskId">The task that it names, or null.</param>
    /// <param name="chooseRoute">Decides where it goes; null for the upstream of its address.</param>
    public static CallStart From(HttpContext context, DialectKind dialect, ReadOnlyMemory<byte>? body, long arrived, TaskId? taskId, ChooseRoute? chooseRoute = null) => new(context.GetTenant(), DialectCatalog.Get(dialect))
    {
        Body = body,
        ContentEncoding = context.Request.Headers.ContentEncoding.ToString(),
        Path = context.Request.Path.Value ?? "",
        Query = context.Request.QueryString.Value ?? "",
        ChooseRoute = chooseRoute,
        Provider = RouteProvider.Of(context),
        Header = name => Header(context, name),
        Headers = Marks(context.Request.Headers),
        TaskId = taskId?.Value,
        Description = Header(context, ProxyHeaders.TaskDescription),
        RetryCount = int.TryParse(Header(context, "x-stainless-retry-count"), CultureInfo.InvariantCulture, out var retries) ? retries : 0,
        FewShot = Header(context, ProxyHeaders.FewShot),
        RecordHeader = Header(context, ProxyHeaders.Record),
        KeyName = context.GetCaller().KeyName,
        Client = context.Request.Headers.UserAgent.ToString(),
        ArrivedTimestamp = arrived,
    };

    /// <summary>A call that fetches the response of an earlier one.</summary>
    /// <param name="context">The request.</param>
    /// <param name="arrived">When it arrived, by the pipeline's clock.</param>
    public static CallStart Fetch(HttpContext context, long arrived) => new(context.GetTenant(), DialectCatalog.Get(DialectKind.OpenAiResponses))
    {
        Body = FetchedResponse.Request,
        Path = "/responses",
        Provider = RouteProvider.Of(context),
        Header = name => Header(context, name),
        RecordHeader = Header(context, ProxyHeaders.Record),
        KeyName = context.GetCaller().KeyName,
        Client = context.Request.Headers.UserAgent.ToString(),
        ArrivedTimestamp = arrived,
    };

    /// <summary>Reads the task that a request names.</summary>
    /// <param name="context">The request.</param>
    /// <param name="taskId">The task, or null if it names none.</param>
    /// <returns>False if the header cannot be an id.</returns>
    public static bool TryReadTask(HttpContext context, out TaskId? taskId)
    {
        taskId = null;
        if (Header(context, ProxyHeaders.Task) is not { } text)
        {
            return true;
        }

        var isValid = TaskId.TryParse(HeaderText.Decode(text), out var id);
        taskId = isValid ? id : null;
        return isValid;
    }

    private static HeaderMarks Marks(IHeaderDictionary headers)
    {
        var marks = new int[headers.Count];
        var count = 0;
        foreach (var (name, values) in headers)
        {
            marks[count++] = HeaderMarks.Of(name, values.ToString());
        }

        return new HeaderMarks(marks);
    }

    private static string? Header(HttpContext context, string name) =>
        context.Request.Headers.TryGetValue(name, out var values) && values.ToString() is { Length: > 0 } value ? value : null;
}
