using LlmProxy.Core.Retrieval;
using LlmProxy.Templates.Runtime;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// The names under which templates read their values. Everything is read-only, since one object serves all calls of a
/// task at once; names that a template assigns live in an object of the rendering's own.
/// </summary>
internal static class PromptModel
{
    public static ScriptObject OfTask(PromptValues values) => ReadOnly(
        ("task", ReadOnly(("id", values.TaskId), ("description", values.TaskDescription))),
        ("provider", values.Provider),
        ("model", values.Model),
        ("tools", List(values.Tools, tool => ReadOnly(("name", tool.Name), ("description", tool.Description)))),
        ("examples", List(values.Examples, OfExample)));

    /// <summary>The object on top for one rendering: the agent's own prompt.</summary>
    public static ScriptObject OfCall(string systemText, string insertBefore)
    {
        var split = PromptHeading.Find(systemText, insertBefore);
        var call = new ScriptObject(4)
        {
            ["system"] = ReadOnly(
                ("text", systemText),
                ("head", split < 0 ? systemText : systemText[..split]),
                ("tail", split < 0 ? "" : systemText[split..])),
        };
        call.SetReadOnly("system", isReadOnly: true);
        return call;
    }

    private static ScriptObject OfExample(FewShotExample example) => ReadOnly(
        ("task", FencedText.Clean(example.Task)),
        ("outcome", FencedText.Clean(example.Outcome)),
        ("similarity", example.Similarity),
        ("quality", example.Quality),
        ("iterations", example.Iterations),
        ("tools_used", List(example.ToolsUsed, FencedText.Clean)),
        ("steps", List(example.Steps, OfStep)));

    private static ScriptObject OfStep(FewShotStep step) => ReadOnly(
        ("reasoning", FencedText.Clean(step.Reasoning)),
        ("tool", FencedText.Clean(step.Tool)),
        ("arguments", FencedText.Clean(step.Arguments)),
        ("result", FencedText.Clean(step.Result)));

    private static ScriptObject ReadOnly(params ReadOnlySpan<(string Name, object? Value)> members)
    {
        var made = new ScriptObject(members.Length);
        foreach (var (name, value) in members)
        {
            made[name] = value;
        }

        made.IsReadOnly = true;
        return made;
    }

    private static ScriptArray List<T>(IEnumerable<T> items, Func<T, object> convert)
        => new(items.Select(object? (item) => convert(item))) { IsReadOnly = true };
}
