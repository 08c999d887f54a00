using LlmProxy.Core.Calls;

namespace LlmProxy.Server.Pipeline;

/// <summary>Adds the headers that report how a call was processed.</summary>
internal static class ResponseStamp
{
    /// <summary>Adds the headers when the response starts, since YARP clears headers that were set before an error.</summary>
    public static void OnStart(HttpContext context, CallSession call)
    {
        if (call.StatedTaskId is null)
        {
            return;
        }

        context.Response.OnStarting(
            static state =>
            {
                var (response, stamped) = ((HttpResponse, CallSession))state;
                Stamp(response.Headers, stamped);
                return Task.CompletedTask;
            },
            (context.Response, call));
    }

    private static void Stamp(IHeaderDictionary headers, CallSession call)
    {
        headers[ProxyHeaders.Task] = HeaderText.Encode(call.StatedTaskId!);
        if (call.Prompt.FewShotResult is { } fewShot)
        {
            headers[ProxyHeaders.FewShotResult] = fewShot;
        }

        if (call.Prompt.ExampleIds.Count > 0)
        {
            headers[ProxyHeaders.Examples] = string.Join(',', call.Prompt.ExampleIds);
        }
    }
}
