using System.Diagnostics;
using System.Globalization;
using System.Text;
using LlmProxy.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// Requests broken in every way that was thought of, through the readers of the request path. As many as
/// <c>LLMPROXY_MUTATIONS</c> says: <c>LLMPROXY_MUTATIONS=1000000 dotnet test --filter MutatedRequestTests</c>.
/// </summary>
public sealed class MutatedRequestTests(ITestOutputHelper output)
{
    private const int ShortRun = 20_000;

    // Many times what the largest of them needs.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly (DialectKind Kind, string Body)[] Samples =
    [
        (DialectKind.AnthropicMessages, """{"model":"claude-x","max_tokens":1024,"temperature":1.50,"stream":true,"system":[{"type":"text","text":"You are\nOPERATING PRINCIPLES\nx","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}],"metadata":{"user_id":"user_1_session_2"},"messages":[{"role":"user","content":[{"type":"text","text":"a\ud83d\ude00\u00e9"},{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"y"}],"is_error":true}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s=="},{"type":"tool_use","id":"x","name":"t","input":{"a":1.5e3,"b":[1,2,{"c":null}]}}]}]}"""),
        (DialectKind.OpenAiChat, """{"model":"gpt-4o","n":1,"seed":12345678901234567890,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{}}}],"messages":[{"role":"developer","content":[{"type":"text","text":"d"}]},{"role":"system","content":"s"},{"role":"user","content":"u","name":"n"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"x"}]}]}"""),
        (DialectKind.OpenAiResponses, """{"model":"gpt-5","instructions":"i","previous_response_id":null,"store":false,"input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"d"}]},{"role":"user","content":"u"},{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}],"encrypted_content":"e"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}],"tools":[{"type":"function","name":"f"},{"type":"namespace","tools":[{"name":"t"}]}]}"""),
        (DialectKind.Gemini, """{"system_instruction":{"role":"system","parts":[{"text":"s"},{"text":"t"}]},"tools":[{"functionDeclarations":[{"name":"f","description":"d"}]}],"generationConfig":{"temperature":0.0},"contents":[{"role":"user","parts":[{"text":"u"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},{"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"b":[1,2],"a":null}}}]},{"role":"function","parts":[{"functionResponse":{"name":"f","response":{"error":"e"}}}]}]}"""),
    ];

    [Fact]
    public async Task No_mutation_makes_a_reader_throw_or_hang_or_changes_a_byte_beside_the_prompt()
    {
        var count = int.TryParse(Environment.GetEnvironmentVariable("LLMPROXY_MUTATIONS"), CultureInfo.InvariantCulture, out var asked) ? asked : ShortRun;
        var samples = Samples.Select(s => (s.Kind, Body: Encoding.UTF8.GetBytes(s.Body))).ToList();
        if (SharedData.Root is not null)
        {
            samples.AddRange(LlmProxy.Tests.Dialects.Recording.All.Where(r => r.Request is { Length: < 3_000 }).Where((_, i) => i % 20 == 0).Select(r => (r.Kind, r.Request!)));
        }

        var run = new Run(samples, count);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Recursion over the input would end the process on a stack as small as this.
        var thread = new Thread(() =>
        {
            run.Go();
            ended.SetResult();
        }, 256 * 1024)
        { IsBackground = true };
        thread.Start();
        while (!ended.Task.IsCompleted)
        {
            var done = run.Done;
            await Task.WhenAny(ended.Task, Task.Delay(Patience));
            Assert.True(ended.Task.IsCompleted || run.Done > done, $"mutation {done} hangs: {run.Describe()}");
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{run.Done} mutations of {samples.Count} requests; {run.Readable} were still requests, {run.Rewritten} of them rewritten; {run.Kinds}; {run.Reading.TotalMicroseconds / run.Done:0} µs each, the slowest {run.Slowest.TotalMilliseconds:0} ms"));
        Assert.Null(run.Failure);
        Assert.Equal(count, run.Done);
        // Else the mutations test nothing but the end of the JSON.
        Assert.InRange(run.Readable, count / 20, count);
    }

    private sealed class Run(List<(DialectKind Kind, byte[] Body)> samples, int count)
    {
        private readonly JsonMutator _mutator = new(20_260_101);
        private long _done;
        private byte[] _current = [];

        public long Done => Interlocked.Read(ref _done);

        public int Readable { get; private set; }

        public int Rewritten { get; private set; }

        public TimeSpan Reading { get; private set; }

        public TimeSpan Slowest { get; private set; }

        public string? Failure { get; private set; }

        public string Kinds => _mutator.Kinds;

        public string Describe() => Convert.ToBase64String(_current.AsSpan(0, Math.Min(_current.Length, 4_000)));

        public void Go()
        {
            using var keys = new TurnKeys(LlmProxy.Tests.Dialects.Wire.Secret);
            while (_done < count && Failure is null)
            {
                var (kind, body) = samples[(int)(_done % samples.Count)];
                _current = _mutator.Mutate(body);
                var started = Stopwatch.GetTimestamp();
                try
                {
                    Drive(DialectCatalog.Get(kind), _current, keys);
                }
                catch (Exception error)
                {
                    Failure = $"mutation {_done} of a {kind} request: {error}\n{Describe()}";
                }

                var took = Stopwatch.GetElapsedTime(started);
                (Reading, Slowest) = (Reading + took, took > Slowest ? took : Slowest);
                Interlocked.Increment(ref _done);
            }
        }

        /// <summary>What the request path does with a body, and what the recorder does afterwards.</summary>
        private void Drive(IDialect dialect, byte[] body, TurnKeys keys)
        {
            var before = (byte[])body.Clone();
            if (dialect.ReadRequest(body, "/v1beta/models/m:generateContent", keys) is { } reading)
            {
                Readable++;
                reading.ReadTools();
                reading.ReadFirstUserText();
                reading.ReadLastUserText();
                foreach (var text in reading.SystemTexts)
                {
                    PromptSplicer.ReadText(reading.Body, text.Literal);
                }

                Assert.NotNull(dialect.ReadContent(body));
                foreach (var message in reading.Messages)
                {
                    dialect.ReadMessage(reading.Body.Slice(message.Range.Start, message.Range.Length));
                }

                if (reading.DefaultSystemText >= 0 || reading.Insertion is not null)
                {
                    Rewritten++;
                    LlmProxy.Tests.Dialects.Wire.Rewrite(reading, "NEW");
                }
            }
            else
            {
                Assert.Null(dialect.ReadContent(body));
            }

            Assert.True(before.AsSpan().SequenceEqual(body), "reading changed the body");
        }
    }
}
