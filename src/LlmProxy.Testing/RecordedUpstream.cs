using System.Runtime.CompilerServices;
using LlmProxy.Core.Redaction;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing;

/// <summary>
/// A server on a free loopback port that answers an agent's calls as a recorded run has them, for tests.
/// <code>
/// await using var upstream = await RecordedUpstream.StartAsync("runs/invoice.json");
/// var agent = new Agent(new AnthropicClient { BaseUrl = upstream.AnthropicBaseUrl.ToString(), ApiKey = "any" });
/// Assert.Equal("paid", await agent.RunAsync("Pay the invoice"));
/// </code>
/// With the environment variable <c>LLMPROXY_RECORD=1</c> calls go to the real provider and the file is written anew,
/// without keys and account ids.
/// </summary>
/// <remarks>Safe for concurrent use. Nothing leaves the machine unless it records.</remarks>
public sealed class RecordedUpstream : IAsyncDisposable
{
    private readonly ReplayServer _server;
    private readonly ReplaySession? _session;
    private readonly TrajectoryRecording? _recording;
    private readonly bool _verifyOnDispose;
    private bool _disposed;

    private RecordedUpstream(ReplayServer server, ReplaySession? session, TrajectoryRecording? recording, bool verifyOnDispose)
    {
        _server = server;
        _session = session;
        _recording = recording;
        _verifyOnDispose = verifyOnDispose;
    }

    /// <summary>Base URL for clients of Anthropic Messages, as the official SDKs want it (without <c>/v1</c>).</summary>
    public Uri AnthropicBaseUrl => new(_server.Address, "anthropic");

    /// <summary>Base URL for clients of OpenAI Chat Completions and Responses, as the official SDKs want it (with <c>/v1</c>).</summary>
    public Uri OpenAiBaseUrl => new(_server.Address, "openai/v1");

    /// <summary>Base URL for clients of Gemini, as the official SDKs want it (without a version).</summary>
    public Uri GeminiBaseUrl => new(_server.Address, "gemini");

    /// <summary>Whether calls go to the real provider and a new file is written.</summary>
    public bool IsRecording => _recording is not null;

    /// <summary>Which calls were made and which were not, so far.</summary>
    public ReplayReport Report => _session is null ? ReplayReport.Empty : ReplayReport.Of(_session);

    /// <summary>Starts the server for a file.</summary>
    /// <param name="path">The file; a relative path is looked for next to the calling source file, in its project and in the folder of the built tests.</param>
    /// <param name="options">How to replay; null for the defaults.</param>
    /// <param name="callerFile">Given by the compiler.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <exception cref="FileNotFoundException">There is no such file, and nothing is recorded; the message names the way to record one.</exception>
    /// <exception cref="InvalidDataException">The file is no recorded run; the message names the place.</exception>
    public static async Task<RecordedUpstream> StartAsync(string path, RecordedUpstreamOptions? options = null, [CallerFilePath] string callerFile = "", CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new RecordedUpstreamOptions();
        if (options.IsRecording)
        {
            var recording = new TrajectoryRecording(RecordingFiles.ForWriting(path, callerFile), options);
            return new RecordedUpstream(await ReplayServer.StartAsync(recording.HandleAsync, [], cancellationToken), null, recording, false);
        }

        return await StartAsync(RecordedTrajectoryFile.ReadFile(RecordingFiles.Find(path, callerFile)), options, cancellationToken);
    }

    /// <summary>Starts the server for a run that was read or made already. Never records.</summary>
    /// <param name="run">The run.</param>
    /// <param name="options">How to replay; null for the defaults.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    public static async Task<RecordedUpstream> StartAsync(RecordedTrajectory run, RecordedUpstreamOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        options ??= new RecordedUpstreamOptions();
        var session = new ReplaySession(run, options.Mode);
        var server = await ReplayServer.StartAsync(session, Redactor.ForOwnCode(options.Redaction), [], options.KeepPauses, options.TimeProvider, null, cancellationToken);
        return new RecordedUpstream(server, session, null, options.VerifyOnDispose ?? options.Mode == ReplayMode.Strict);
    }

    /// <summary>Throws where a call had no recording or a recorded call was not made. Does nothing while recording.</summary>
    /// <exception cref="ReplayMismatchException">With the report.</exception>
    public void Verify()
    {
        var report = Report;
        if (!report.IsComplete)
        {
            throw new ReplayMismatchException(report);
        }
    }

    /// <summary>Stops the server; writes the file where one is recorded, else verifies in strict mode.</summary>
    /// <exception cref="ReplayMismatchException">A call had no recording or a recorded call was not made (see <see cref="RecordedUpstreamOptions.VerifyOnDispose"/>).</exception>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _server.DisposeAsync();
        if (_recording is not null)
        {
            using (_recording)
            {
                await _recording.SaveAsync();
            }
        }
        else if (_verifyOnDispose)
        {
            Verify();
        }
    }
}
