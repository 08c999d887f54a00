using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Prompting;

/// <summary>Values that the tests of this folder share.</summary>
internal static class PromptSamples
{
    public const string Heading = "OPERATING PRINCIPLES";

    public static readonly string[] Providers = ["openai", "gemini", "proxy", "anthropic"];

    public static PromptValues Values(string provider, string model = "some-model", string[]? tools = null, params FewShotExample[] examples)
        => new("task-1", "Do it", provider, model, [.. (tools ?? []).Select(name => new ToolOffer(name, "A tool"))], examples);

    public static FewShotExample Example(string task = "Make a folder", string reasoning = "Look first.", string arguments = "{}", string result = "ok")
        => new("run-1", task, "Completed successfully", 0.8, 0.9, 3, ["shell"], [new FewShotStep(reasoning, "shell", arguments, result)]);

    public static string Render(PromptValues values, string systemText = "You are an agent.", TemplateSet? set = null)
    {
        var rendering = PromptRenderer.Render(set ?? TemplateSet.Shipped, values, systemText, Heading);
        Assert.Null(rendering.Error);
        return rendering.Text!;
    }

    public static TemplateSet Set(params (string Name, string Text)[] files)
        => TemplateSet.Parse(files.ToDictionary(file => file.Name, file => file.Text, StringComparer.Ordinal));
}
