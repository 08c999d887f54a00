using System.Globalization;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;
using LlmProxy.Core.Trajectories.Strategies;
using LlmProxy.Tests.Recording;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Trajectories.Strategies;

/// <summary>An index with recorded calls, and calls that look for their task in it.</summary>
internal sealed class StrategyLab : IDisposable
{
    private static readonly TaskRules Rules = new TaskRulesCatalog(new TaskOptions()).Get("generic");

    private readonly CorrelationIndex _index = new();
    private readonly TurnKeys _keys = new(Encoding.UTF8.GetBytes("a secret of the store, of 16 bytes or more"));
    private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The first messages of a run: the question, a call of a tool and its result.</summary>
    public static string History(string id = "toolu_1", string question = "Read a.txt for me") =>
        string.Join(',', Claude.User(question), Claude.Call(id), Claude.Result(id));

    /// <summary>Records the first call of a task, which asks for a tool.</summary>
    public OpenTask Record(string taskId, string id = "toolu_1", string question = "Read a.txt for me", string? session = null) =>
        RecordCall(Open(taskId, session), Claude.User(question), Claude.Calls(id));

    /// <summary>Records a call of a task.</summary>
    public OpenTask RecordCall(OpenTask task, string messages, string? answer, DialectKind kind = DialectKind.AnthropicMessages, Func<string, string>? request = null)
    {
        var dialect = DialectCatalog.Get(kind);
        var reading = Read(request is null ? Claude.Request(messages) : request(messages), kind);
        AssembledReply? reply = null;
        if (answer is not null)
        {
            var assembler = dialect.CreateAssembler("application/json", streamRequested: false);
            assembler.Append(Encoding.UTF8.GetBytes(answer));
            reply = assembler.ToReply();
        }

        task.LastStep++;
        (task.LastAnswered, task.LastEndedTurn) = (reply is not null, reply is { EndedTurn: true });
        task.Model = reading.Model;
        _now = _now.AddSeconds(1);
        foreach (var entry in ReplyKeys.Make(reading, reply, _keys, task.TaskId, task.LastStep, _now))
        {
            _index.Add(task, entry);
        }

        return task;
    }

    /// <summary>Opens a task without calls.</summary>
    public OpenTask Open(string taskId, string? session = null)
    {
        var task = new OpenTask { Identity = new() { TaskId = taskId, TrajectoryId = "run-" + taskId, Tenant = "t", ConversationId = taskId, SessionId = session }, LastUsed = _now };
        _index.Add(task);
        return task;
    }

    /// <summary>What a strategy finds for a call with these messages.</summary>
    public TaskMatch? Find(IMatchStrategy strategy, string messages, Certainty wanted = Certainty.Likely, string? session = null) =>
        FindRequest(strategy, Claude.Request(messages), DialectKind.AnthropicMessages, wanted, session);

    /// <summary>What a strategy finds for a request.</summary>
    public TaskMatch? FindRequest(IMatchStrategy strategy, string request, DialectKind kind, Certainty wanted = Certainty.Likely, string? session = null) =>
        strategy.Find(Context(request, kind, wanted, session));

    /// <summary>A call that looks for its task.</summary>
    public MatchContext Context(string request, DialectKind kind = DialectKind.AnthropicMessages, Certainty wanted = Certainty.Likely, string? session = null)
    {
        var reading = Read(request, kind);
        var call = new IncomingCall { Tenant = "t", Reading = reading, Rules = Rules, SessionId = session, Description = () => "", EndsInUserText = () => false };
        return new MatchContext(_index, call, new CorrelationKeys(reading, _keys), wanted);
    }

    public void Dispose() => _keys.Dispose();

    private RequestReading Read(string request, DialectKind kind)
    {
        var path = kind == DialectKind.OpenAiResponses ? "/v1/responses" : "/v1/messages";
        return DialectCatalog.Get(kind).ReadRequest(Encoding.UTF8.GetBytes(request), path, _keys)
            ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"This is no {kind} request: {request}"));
    }
}
