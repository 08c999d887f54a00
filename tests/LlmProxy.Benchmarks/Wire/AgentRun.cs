using System.Text;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>A run that is sent many times, each time under a number of its own: where each of its requests ends.</summary>
internal sealed class AgentRunTemplate
{
    private const int WantedSteps = 30;

    // Prompt and tools are about so much of an agent's mean request; the rest is history.
    private const double FixedShare = 0.3;

    private readonly int[] _ends;

    /// <summary>A run whose requests have a mean size.</summary>
    public AgentRunTemplate(AgentWire wire, int meanBytes, bool stream, int wantedSteps = WantedSteps)
    {
        Wire = wire;
        Stream = stream;
        var overhead = wire.Turn(1, "").Length + 80;

        // A small mean size has no room for all steps: a call and its result have a size below which they do not go.
        Steps = Math.Clamp((int)(meanBytes * (1 - FixedShare) * 2 / overhead), 2, wantedSteps);
        var growth = (int)(meanBytes * (1 - FixedShare) * 2 / Steps);
        var fixedText = Math.Max(100, (int)(meanBytes * FixedShare) - wire.Open("", "", "").Length);
        var text = new StringBuilder(wire.Open(Filler.Text(1, fixedText * 2 / 3), Filler.Text(2, fixedText / 3), $"Task {Marks.Run}: compare the orders of the month with the invoices and tell me which totals differ."));
        var ends = new List<int> { text.Length };
        for (var step = 1; step < Steps; step++)
        {
            text.Append(wire.Turn(step, $"run {Marks.Run}: {Filler.Text(100 + step, growth - overhead)}"));
            ends.Add(text.Length);
        }

        _ends = [.. ends];
        Text = new MarkedText(text.ToString());
        Close = Encoding.UTF8.GetBytes(wire.Close(stream));
        Head = new MarkedText($"POST {wire.Path(stream)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{wire.Headers}");
        MeanBytes = (int)_ends.Average() + Close.Length;
    }

    public AgentWire Wire { get; }

    public bool Stream { get; }

    /// <summary>Requests of the run.</summary>
    public int Steps { get; }

    public int MeanBytes { get; }

    public int LastBytes => _ends[^1] + Close.Length;

    internal MarkedText Text { get; }

    internal MarkedText Head { get; }

    internal byte[] Close { get; }

    internal int HistoryLength(int step) => _ends[step - 1];

    /// <summary>The body of one step.</summary>
    public byte[] Body(long run, int step)
    {
        var whole = new byte[Text.Bytes.Length];
        Text.CopyTo(whole, run);
        return [.. whole.AsSpan(0, HistoryLength(step)), .. Close];
    }
}

/// <summary>One connection's run: the template under a number, and its requests one after the other.</summary>
internal sealed class AgentRun(AgentRunTemplate template)
{
    private static long _lastNumber;

    private readonly byte[] _history = new byte[template.Text.Bytes.Length];
    private readonly byte[] _head = new byte[template.Head.Bytes.Length];
    private readonly byte[] _request = new byte[template.Text.Bytes.Length + template.Head.Bytes.Length + template.Close.Length + 200];
    private readonly byte[] _answerId = new byte[Marks.Run.Length + 4];

    public int Step { get; private set; }

    public bool IsOver => Step == template.Steps;

    /// <summary>What the answer to the latest request holds.</summary>
    public ReadOnlyMemory<byte> AnswerId => _answerId;

    /// <summary>Begins a new run; no number comes twice.</summary>
    public void Begin()
    {
        Step = 0;
        var number = Interlocked.Increment(ref _lastNumber);
        template.Text.CopyTo(_history, number);
        template.Head.CopyTo(_head, number);
        _answerId[0] = (byte)'_';
        MarkedText.Write(_answerId.AsSpan(1, Marks.Run.Length), number);
        _answerId[1 + Marks.Run.Length] = (byte)'_';
    }

    /// <summary>The next request with its head.</summary>
    /// <param name="pauseMs">How long the upstream is to wait between events.</param>
    public ReadOnlyMemory<byte> Next(int pauseMs)
    {
        Step++;
        MarkedText.Write(_answerId.AsSpan(^2), Step);
        var history = template.HistoryLength(Step);
        var call = $"x-bench-call: {Encoding.ASCII.GetString(_answerId, 1, Marks.Run.Length)} {Step} {(IsOver ? 1 : 0)} {(template.Stream ? 1 : 0)} {pauseMs}\r\nContent-Length: {history + template.Close.Length}\r\n\r\n";
        var length = 0;
        Add(_head);
        length += Encoding.ASCII.GetBytes(call, _request.AsSpan(length));
        Add(_history.AsSpan(0, history));
        Add(template.Close);
        return _request.AsMemory(0, length);

        void Add(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_request.AsSpan(length));
            length += bytes.Length;
        }
    }
}
