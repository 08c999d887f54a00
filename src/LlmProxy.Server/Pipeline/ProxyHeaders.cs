using LlmProxy.Core.Calls;

namespace LlmProxy.Server.Pipeline;

/// <summary>The proxy's own headers.</summary>
internal static class ProxyHeaders
{
    public const string Task = "LlmProxy-Task";
    public const string TaskDescription = "LlmProxy-Task-Description";
    public const string FewShot = "LlmProxy-Few-Shot";
    public const string Record = "LlmProxy-Record";
    public const string Key = "LlmProxy-Key";
    public const string FewShotResult = "LlmProxy-Few-Shot-Result";
    public const string Examples = "LlmProxy-Examples";

    /// <summary>Headers of requests that never reach an upstream.</summary>
    public static readonly string[] OfRequests = [Task, TaskDescription, FewShot, Record, Key];

    /// <summary>Adds the headers that say what became of a call, when its response starts: YARP clears headers that were set before an error.</summary>
    public static void StampOnStart(HttpContext context, CallSession call)
    {
        if (call.TaskId is null)
        {
            return;
        }

        context.Response.OnStarting(
            static state =>
            {
                var (response, stamped) = ((HttpResponse, CallSession))state;
                Stamp(response.Headers, stamped);
                return System.Threading.Tasks.Task.CompletedTask;
            },
            (context.Response, call));
    }

    private static void Stamp(IHeaderDictionary headers, CallSession call)
    {
        headers[Task] = call.TaskId;
        if (call.Prompt.FewShotResult is { } fewShot)
        {
            headers[FewShotResult] = fewShot;
        }

        if (call.Prompt.ExampleIds.Count > 0)
        {
            headers[Examples] = string.Join(',', call.Prompt.ExampleIds);
        }
    }
}
