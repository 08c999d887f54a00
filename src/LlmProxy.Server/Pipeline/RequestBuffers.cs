using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Upstreams;
using LlmProxy.Wire;
using Yarp.ReverseProxy.Model;

namespace LlmProxy.Server.Pipeline;

/// <summary>Reads request bodies into pooled memory, within the limits of one body and of all bodies together.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed partial class RequestBuffers(BufferBudget budget, RecordingOptions options, ILogger<RequestBuffers> log)
{
    /// <summary>Reads a request's body. Null if that failed: the client has got an error, or has disconnected.</summary>
    /// <exception cref="OperationCanceledException">The call's total time has passed.</exception>
    public async Task<RequestBody?> ReadAsync(HttpContext context, DialectKind dialect)
    {
        try
        {
            var cluster = context.Features.Get<IReverseProxyFeature>()?.Cluster.Config;
            using var silence = SilenceTimeout.Begin(cluster?.HttpRequest?.ActivityTimeout ?? Timeout.InfiniteTimeSpan, context.RequestAborted);
            return await RequestBody.ReadAsync(context.Request, budget, options.MaxBodyBytes, silence);
        }
        catch (SilenceException error)
        {
            LogRequestBroke(error.Message);
            context.Response.Headers.Connection = "close";
            await UpstreamErrors.WriteAsync(context, StatusCodes.Status408RequestTimeout, dialect, $"LlmProxy: timeout while reading the request body: {error.Message}. Send it faster, or raise LlmProxy:Upstreams:{ClusterOf(context)}:ActivityTimeout.");
            return null;
        }
        catch (Exception error) when (error is BadHttpRequestException or IOException or OperationCanceledException)
        {
            LogRequestBroke(error.Message);
            if (!context.Response.HasStarted && TotalTime.IsOver(context))
            {
                throw;
            }

            if (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
            {
                var status = (error as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest;
                await UpstreamErrors.WriteAsync(context, status, dialect, $"LlmProxy: reading the request body failed: {error.Message}");
            }

            return null;
        }
    }

    private static string ClusterOf(HttpContext context) => context.Features.Get<IReverseProxyFeature>()?.Cluster.Config.ClusterId ?? "?";

    [LoggerMessage(1012, LogLevel.Information, "Reading a request body failed: {Error}")]
    private partial void LogRequestBroke(string error);
}
