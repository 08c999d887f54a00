using System.Globalization;
using System.Text;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>
/// Between the reader of a target's events and the writer of a client's: brings parallel calls into a row, ids, names and free
/// text into the client's form, and ends everything once.
/// </summary>
internal sealed class ReplyFlow(ReplyPlan plan, IReplySink sink, LossList losses)
{
    private readonly List<FlowCall> _calls = [];
    private readonly StringBuilder _held = new();
    private bool _hasBegun;
    private bool _hasCalls;
    private bool _hasText;
    private int _count;
    private string _high = "";
    private string? _id;
    private string? _model;
    private StopKind? _stop;
    private string? _stopSequence;
    private string? _explanation;

    /// <summary>Whether the client got the end or an error.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether the target said why it stopped.</summary>
    public bool HasStop => _stop is not null;

    /// <summary>The tokens; taken when the reply ends.</summary>
    public Func<TokenUsage?> Usage { get; set; } = static () => null;

    public void Begin(string? id, string? model)
    {
        _id ??= string.IsNullOrEmpty(id) ? null : id;
        _model ??= string.IsNullOrEmpty(model) ? null : model;
        if (!_hasBegun && _id is not null && _model is not null)
        {
            Start();
        }
    }

    public void Text(string? delta)
    {
        if (string.IsNullOrEmpty(delta))
        {
            return;
        }

        Start();
        _hasText = true;
        CloseWhole();
        // A server may split an emoji between two events.
        delta = _high + delta;
        _high = char.IsHighSurrogate(delta[^1]) ? delta[^1].ToString() : "";
        delta = delta[..^_high.Length];
        if (_calls.Count > 0)
        {
            // Text within an unfinished call: it follows the calls.
            _held.Append(delta);
            return;
        }

        if (delta.Length > 0)
        {
            sink.Text(RawJson.Clean(delta));
        }
    }

    public void Refusal(string? delta)
    {
        if (!string.IsNullOrEmpty(delta))
        {
            Start();
            CloseAll();
            _hasText = true;
            sink.Refusal(RawJson.Clean(delta));
        }
    }

    public void Thinking() => Lose("thinking", "Thinking is valid for the model that wrote it alone.");

    public void Lose(string what, string why) => losses.Add(what, "reply", why);

    /// <summary>Begins a call.</summary>
    public FlowCall Call(bool isFreeText)
    {
        Start();
        CloseWhole();
        var call = new FlowCall(isFreeText, ++_count);
        _calls.Add(call);
        return call;
    }

    /// <summary>Takes what came of a call.</summary>
    public void Advance(FlowCall call)
    {
        if (call == _calls.FirstOrDefault())
        {
            Pump(call);
        }
    }

    public void EndCall(FlowCall call)
    {
        call.HasEnded = true;
        CloseWhole();
    }

    public void Stop(StopKind? stop, string? sequence = null, string? explanation = null)
    {
        _stop = stop ?? _stop;
        _stopSequence = sequence ?? _stopSequence;
        _explanation = explanation ?? _explanation;
    }

    public void Finish()
    {
        if (IsOver)
        {
            return;
        }

        Start();
        CloseAll();
        IsOver = true;
        var stop = _stop ?? StopKind.EndTurn;
        // Most dialects say that a model stopped for a tool; Gemini does not.
        stop = stop is StopKind.EndTurn or StopKind.ToolUse or StopKind.StopSequence && _hasCalls ? StopKind.ToolUse : stop == StopKind.ToolUse ? StopKind.EndTurn : stop;
        if (stop is StopKind.Refusal or StopKind.Filter && !_hasText && _explanation is { Length: > 0 } words)
        {
            sink.Refusal(RawJson.Clean(words));
        }

        sink.End(new ReplyEnd(stop, Usage()) { StopSequence = stop == StopKind.StopSequence ? _stopSequence : null, Explanation = _explanation });
    }

    public void Error(int status, string message)
    {
        if (!IsOver)
        {
            IsOver = true;
            sink.Error(status, RawJson.Clean(message));
        }
    }

    private void Start()
    {
        if (!_hasBegun)
        {
            _hasBegun = true;
            sink.Begin(_id, RawJson.Clean(_model ?? plan.Model));
        }
    }

    /// <summary>Ends calls in front whose arguments are whole, so that what follows can be written.</summary>
    private void CloseWhole()
    {
        while (_calls.FirstOrDefault() is { } first && (first.HasEnded || first.IsWhole))
        {
            Close(first);
        }
    }

    private void CloseAll()
    {
        while (_calls.FirstOrDefault() is { } first)
        {
            Close(first);
        }

        if (_held.Length > 0)
        {
            sink.Text(RawJson.Clean(_held.ToString()));
            _held.Clear();
        }
    }

    private void Close(FlowCall call)
    {
        call.HasEnded = true;
        Pump(call);
        _calls.Remove(call);
        if (call.IsOpen)
        {
            sink.EndCall();
        }
        else
        {
            Lose("tool_call", "A call without a name cannot be answered.");
        }

        if (_calls.FirstOrDefault() is { } next)
        {
            Pump(next);
        }
        else if (_held.Length > 0)
        {
            sink.Text(RawJson.Clean(_held.ToString()));
            _held.Clear();
        }
    }

    private void Pump(FlowCall call)
    {
        if (!call.IsOpen)
        {
            if (call.Name.Length == 0 || (call.Id.Length == 0 && !call.HasEnded && !call.HasArguments))
            {
                return;
            }

            var tool = plan.Tools.GetValueOrDefault(call.Name) ?? new ToolName(RawJson.Clean(call.Name), null, call.IsFreeText && plan.Source is DialectKind.OpenAiChat or DialectKind.OpenAiResponses);
            call.Open(tool);
            _hasCalls = true;
            sink.BeginCall(IdOf(call), tool, call.Signature);
        }

        var arguments = call.TakeArguments();
        if (arguments.Length > 0)
        {
            sink.Arguments(RawJson.Clean(arguments));
        }
    }

    private string IdOf(FlowCall call) => call.Id.Length > 0
        ? ToolIds.ToClient(RawJson.Clean(call.Id), plan.Target, plan.Source)
        : ToolIds.Mint(string.Create(CultureInfo.InvariantCulture, $"{plan.Nonce} {_id} {call.Number}"), plan.Source);
}
