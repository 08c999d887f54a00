using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LlmProxy.Core.Sdk;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Judging;

/// <summary>
/// What a judge reads of a run: the task and its steps as text. Names of models are replaced, so that a judge does not
/// prefer its own family.
/// </summary>
public sealed partial class JudgedRun
{
    /// <summary>Longest text of a message, a call or a result, in characters. The middle of a longer one is cut.</summary>
    public const int MaxPart = 4_000;

    /// <summary>Longest transcript, in characters. Steps in the middle of a longer one are cut.</summary>
    public const int MaxTranscript = 160_000;

    private JudgedRun(string task, IReadOnlyList<string> steps)
    {
        (Task, Steps) = (task, steps);
    }

    /// <summary>What was asked.</summary>
    public string Task { get; }

    /// <summary>The text of each step, in order.</summary>
    public IReadOnlyList<string> Steps { get; }

    /// <summary>Reads a recorded trajectory.</summary>
    /// <param name="task">What was asked.</param>
    /// <param name="steps">Its steps, in order.</param>
    public static JudgedRun FromSteps(string task, IReadOnlyList<StepView> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        var texts = new List<string>(steps.Count);
        for (var i = 0; i < steps.Count; i++)
        {
            var text = new StringBuilder();
            if (i > 0)
            {
                // The first step's messages are the task; results of calls belong to the step that made the call.
                Append(text, "user", string.Join('\n', steps[i].Messages.Where(m => !m.Message.IsAssistant && m.Message.Role == "user").Select(m => m.Message.Text)));
            }

            Append(text, "agent", steps[i].Reply?.Text);
            foreach (var call in steps[i].Reply?.ToolCalls ?? [])
            {
                Append(text, $"call {call.Name}", call.Arguments);
                var result = call.Answer ?? steps[i].ToolResults.FirstOrDefault(r => r.Id == call.ResultId);
                Append(text, result?.IsError == true ? "result (error)" : "result", result is null ? "(none)" : result.Content);
            }

            texts.Add(text.ToString());
        }

        return new JudgedRun(Blind(Cut(task)), texts);
    }

    /// <summary>Reads a conversation of an application: each reply of the model begins a step.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="response">The last response.</param>
    public static JudgedRun FromConversation(IEnumerable<ChatMessage> messages, ChatResponse response)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(response);
        string? task = null;
        var steps = new List<StringBuilder>();
        foreach (var message in messages.Concat(response.Messages))
        {
            if (message.Role == ChatRole.System)
            {
                continue;
            }

            if (message.Role == ChatRole.Assistant)
            {
                steps.Add(new StringBuilder());
            }
            else if (task is null && message.Role == ChatRole.User)
            {
                task = message.Text;
                continue;
            }

            var step = steps.Count == 0 ? null : steps[^1];
            foreach (var content in message.Contents)
            {
                switch (content)
                {
                    case TextContent text:
                        Append(step, message.Role == ChatRole.Assistant ? "agent" : "user", text.Text);
                        break;
                    case FunctionCallContent call:
                        Append(step, $"call {call.Name}", ChatContents.Arguments(call)?.ToJsonString());
                        break;
                    case FunctionResultContent result:
                        Append(step, result.Exception is null ? "result" : "result (error)", result.Exception?.Message ?? result.Result?.ToString());
                        break;
                }
            }
        }

        return new JudgedRun(Blind(Cut(task ?? "")), steps.ConvertAll(step => step.ToString()));
    }

    /// <summary>The numbered steps from one on. If they are too long, steps in the middle are left out.</summary>
    /// <param name="from">Index of the first step.</param>
    internal string Transcript(int from = 0)
    {
        var numbered = Steps.Select((step, i) => string.Create(CultureInfo.InvariantCulture, $"[step {i + 1}]\n{step}")).Skip(from).ToList();
        if (numbered.Sum(step => step.Length) <= MaxTranscript)
        {
            return string.Concat(numbered);
        }

        // How a run begins and, more so, how it ends decides.
        var (head, tail, length) = (0, numbered.Count, 0);
        while (head < tail)
        {
            var takesHead = head * 2 < numbered.Count - tail;
            length += numbered[takesHead ? head : tail - 1].Length;
            if (length > MaxTranscript)
            {
                break;
            }

            (head, tail) = takesHead ? (head + 1, tail) : (head, tail - 1);
        }

        return string.Concat(numbered.Take(head)) + string.Create(CultureInfo.InvariantCulture, $"[{tail - head} steps left out]\n") + string.Concat(numbered.Skip(tail));
    }

    /// <summary>How many steps all runs begin with alike.</summary>
    internal static int CommonSteps(IReadOnlyList<JudgedRun> runs)
    {
        var common = 0;
        while (runs.All(run => run.Steps.Count > common + 1 && string.Equals(run.Steps[common], runs[0].Steps[common], StringComparison.Ordinal)))
        {
            common++;
        }

        return common;
    }

    private static void Append(StringBuilder? to, string label, string? text)
    {
        if (to is not null && !string.IsNullOrWhiteSpace(text))
        {
            to.Append(label).Append(": ").Append(Blind(Cut(text))).Append('\n');
        }
    }

    private static string Cut(string text)
    {
        if (text.Length <= MaxPart)
        {
            return text;
        }

        var head = text.AsSpan(0, MaxPart / 2);
        var tail = text.AsSpan(text.Length - (MaxPart / 2));

        // Not between the halves of a character.
        head = char.IsHighSurrogate(head[^1]) ? head[..^1] : head;
        tail = char.IsLowSurrogate(tail[0]) ? tail[1..] : tail;
        return string.Create(CultureInfo.InvariantCulture, $"{head} [{text.Length - head.Length - tail.Length} characters left out] {tail}");
    }

    private static string Blind(string text) => ModelName().Replace(text, "[model]");

    [GeneratedRegex(@"\b(?:claude|anthropic|openai|chatgpt|gpt|gemini|llama|qwen|mistral|deepseek|grok)(?:[-.:][\w.:-]*\w)?\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ModelName();
}
