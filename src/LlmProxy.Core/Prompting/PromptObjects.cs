using LlmProxy.Core.Retrieval;
using LlmProxy.Prompts;
using Scriban.Runtime;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// The values that templates read, under the names of <see cref="PromptModel"/>. Everything is read-only; names that a
/// template assigns live in an object of the rendering's own.
/// </summary>
internal static class PromptObjects
{
    private static readonly PromptFiller<FewShotStep> StepFiller = new(
        PromptModel.Step,
        ("reasoning", step => step.Reasoning),
        ("tool", step => step.Tool),
        ("arguments", step => step.Arguments),
        ("result", step => step.Result));

    private static readonly PromptFiller<FewShotExample> ExampleFiller = new(
        PromptModel.Example,
        ("task", example => example.Task),
        ("outcome", example => example.Outcome),
        ("similarity", example => example.Similarity),
        ("quality", example => example.Quality),
        ("iterations", example => example.Iterations),
        ("tools_used", example => example.ToolsUsed),
        ("steps", example => StepFiller.FillAll(example.Steps)));

    private static readonly PromptFiller<ToolOffer> ToolFiller = new(
        PromptModel.Tool,
        ("name", tool => tool.Name),
        ("description", tool => tool.Description));

    private static readonly PromptFiller<PromptValues> TaskFiller = new(
        PromptModel.Task,
        ("id", values => values.TaskId),
        ("description", values => values.TaskDescription));

    private static readonly PromptFiller<SplitPrompt> SystemFiller = new(
        PromptModel.System,
        ("text", prompt => prompt.Text),
        ("head", prompt => prompt.Head),
        ("tail", prompt => prompt.Tail));

    // The agent's prompt comes with each call, above the values of the task.
    private static readonly PromptFiller<(PromptValues Values, object System)> RootFiller = new(
        PromptModel.Root,
        ("system", prompt => prompt.System),
        ("task", prompt => TaskFiller.Fill(prompt.Values)),
        ("provider", prompt => prompt.Values.Provider),
        ("model", prompt => prompt.Values.Model),
        ("tools", prompt => ToolFiller.FillAll(prompt.Values.Tools)),
        ("examples", prompt => ExampleFiller.FillAll(prompt.Values.Examples)));

    /// <summary>What all calls of a task share. <c>system</c> is that of an empty prompt until a call brings its own.</summary>
    public static ScriptObject OfTask(PromptValues values) => RootFiller.Fill((values, SystemFiller.Fill(new SplitPrompt("", "", ""))));

    /// <summary>The object on top for one rendering: the agent's own prompt.</summary>
    public static ScriptObject OfCall(string systemText, string insertBefore)
    {
        var split = PromptHeading.Find(systemText, insertBefore);
        var call = new ScriptObject(4)
        {
            ["system"] = SystemFiller.Fill(new SplitPrompt(systemText, split < 0 ? systemText : systemText[..split], split < 0 ? "" : systemText[split..])),
        };
        call.SetReadOnly("system", readOnly: true);
        return call;
    }

    private sealed record SplitPrompt(string Text, string Head, string Tail);
}
