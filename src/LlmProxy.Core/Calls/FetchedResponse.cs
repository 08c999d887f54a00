namespace LlmProxy.Core.Calls;

/// <summary>
/// Opens a call that fetches, resumes or cancels a response which an earlier call asked for in the background (Responses API).
/// Its reply completes the step of that call; nothing of the request is read.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class FetchedResponse(CallReader reader, TaskCorrelator correlator, CallRecording recording)
{
    private static readonly byte[] NoRequest = "{\"input\":[]}"u8.ToArray();

    /// <summary>The body that replaces the request in the record.</summary>
    public static ReadOnlyMemory<byte> Request => NoRequest;

    /// <summary>Opens the call; null if no step waits for this response.</summary>
    public async ValueTask<CallSession?> BeginAsync(CallPipeline pipeline, CallStart start, string responseId, CancellationToken cancellationToken)
    {
        if (reader.Read(start, NoRequest) is not { Request: { } request })
        {
            return null;
        }

        TaskAssignment? place = null;
        try
        {
            place = await correlator.BeginFetchAsync(start.Tenant, responseId, request.Keys, cancellationToken);
        }
        finally
        {
            if (place is null)
            {
                request.Keys.Dispose();
            }
        }

        if (place is null)
        {
            return null;
        }

        var call = new CallSession(pipeline, start) { Content = request, Place = place, IsFetch = true };
        recording.Begin(call);
        return call;
    }
}
