
namespace LlmProxy.Tests.Prompting;

/// <summary>What the shipped templates promise for each provider, element by element, in every variant of them.</summary>
public sealed class TemplateElementTests
{
    private static readonly string[] ScreenTools = ["computer_screenshot", "computer_detect_elements", "computer_click_element"];

    public static TheoryData<string> OpenAiModels() => ["gpt-4o", "gpt-4.1", "o3", "gpt-5", "gpt-4", "openai/gpt-4-0613", ""];

    public static TheoryData<string> ProxyModels() => ["llama-4", "some-model", "deepseek-r1", "qwen3-32b", "llama-2-7b", "ollama/llama3:8b", ""];

    public static TheoryData<string> GeminiModels() => ["gemini-2.5-pro", "gemini-2.0-flash", "gemini-nano", ""];

    [Theory]
    [MemberData(nameof(OpenAiModels))]
    public void Openai_models_get_five_step_reasoning_in_order(string model) =>
        AssertInOrder(Prompt("openai", model, ["shell"]), "Observe", "Analyze", "Plan", "Execute", "Verify");

    [Theory]
    [MemberData(nameof(OpenAiModels))]
    public void Openai_models_get_error_handling(string model)
    {
        var prompt = Prompt("openai", model, ["shell"]);

        AssertInOrder(prompt, "Errors:", "message", "three approaches", "report");
        Assert.Contains("before you retry", prompt, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(OpenAiModels))]
    public void Openai_models_rate_their_confidence_in_three_levels_and_act_on_it(string model)
    {
        var prompt = Prompt("openai", model, []).ToLowerInvariant();

        AssertInOrder(prompt, "confidence:", "high (", "proceed", "medium (", "low (a guess)", "ask");
    }

    [Theory]
    [MemberData(nameof(OpenAiModels))]
    public void Openai_models_check_the_quality_of_their_work_before_they_report(string model) =>
        AssertInOrder(Prompt("openai", model, []), "Before you report success", "name the result that proves each");

    [Theory]
    [MemberData(nameof(GeminiModels))]
    public void Gemini_looks_first_only_where_it_can(string model)
    {
        var (seeing, blind) = (Prompt("gemini", model, ScreenTools), Prompt("gemini", model, ["shell"]));

        AssertInOrder(seeing, "Look first, then act", "computer_screenshot");
        Assert.DoesNotContain("screenshot", blind, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(GeminiModels))]
    public void Gemini_batches_independent_calls_where_tools_are_offered(string model)
    {
        AssertInOrder(Prompt("gemini", model, ["shell"]), "Batch your calls", "independent", "together in one turn");
        Assert.DoesNotContain("Batch", Prompt("gemini", model, []), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(GeminiModels))]
    public void Gemini_is_brief(string model) => Assert.Contains("Be brief", Prompt("gemini", model, []), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(ProxyModels))]
    public void Unknown_models_go_step_by_step_with_one_action_at_a_time(string model) =>
        AssertInOrder(Prompt("proxy", model, ["shell"]), "1. ", "2. ", "3. ", "ONE action", "4. ", "5. Check");

    [Theory]
    [MemberData(nameof(ProxyModels))]
    public void Unknown_models_detect_elements_first_only_where_such_tools_are_offered(string model)
    {
        AssertInOrder(Prompt("proxy", model, ScreenTools), "detect elements before you act", "computer_detect_elements", "computer_click_element", "etect again after every action", "own coordinates only if");
        foreach (var tools in (string[][])[["shell"], ["computer_screenshot"], []])
        {
            var prompt = Prompt("proxy", model, tools);
            Assert.DoesNotContain("detect", prompt, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("coordinates", prompt, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("On a screen", prompt, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(ProxyModels))]
    public void Unknown_models_get_a_fallback_for_each_failure(string model)
    {
        var prompt = Prompt("proxy", model, ["shell", "read"]).ToLowerInvariant();

        AssertInOrder(prompt, "fallbacks", "rejected", "nothing changed", "same failure twice", "three approaches failed", "stop");
    }

    [Theory]
    [InlineData("openai", "Work in rounds", "gpt-4o", "o3")]
    [InlineData("openai", "Work in rounds", "gpt-4.1", "gpt-5-mini")]
    [InlineData("proxy", "Write \"Action", "llama-4", "deepseek-r1")]
    [InlineData("proxy", "Write \"Action", "some-model", "openrouter/qwen/qwq-32b")]
    [InlineData("proxy", "Write \"Action", "grok-4-fast-non-reasoning", "grok-4-fast-reasoning")]
    [InlineData("proxy", "Write \"Action", "", "gpt-oss-120b")]
    public void Reasoning_models_are_not_told_to_write_their_thinking_down(string provider, string procedure, string chat, string reasoning)
    {
        Assert.Contains(procedure, Prompt(provider, chat, ["shell"]), StringComparison.Ordinal);
        Assert.DoesNotContain(procedure, Prompt(provider, reasoning, ["shell"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openai", "gpt-4o", "gpt-4")]
    [InlineData("openai", "gpt-4-0125-preview", "gpt-4-0613")]
    [InlineData("gemini", "gemini-2.5-flash", "gemini-nano-2")]
    [InlineData("proxy", "llama-3.1-8b", "meta-llama/llama-3-8b-instruct")]
    [InlineData("proxy", "phi-3-mini-128k", "phi-3-mini-4k")]
    [InlineData("proxy", "mistral-large", "tinyllama")]
    public void Models_with_a_context_under_16k_tokens_get_the_same_elements_in_half_the_text(string provider, string large, string small)
    {
        var (full, brief) = (Prompt(provider, large, ScreenTools), Prompt(provider, small, ScreenTools));

        Assert.True(brief.Length * 10 <= full.Length * 6, $"{brief.Length} of {full.Length} characters");
        Assert.InRange(brief.Length, 300, 1000);
    }

    private static string Prompt(string provider, string model, string[] tools) =>
        PromptSamples.Render(PromptSamples.Values(provider, model, tools), "");

    private static void AssertInOrder(string prompt, params string[] parts)
    {
        var at = 0;
        foreach (var part in parts)
        {
            var found = prompt.IndexOf(part, at, StringComparison.Ordinal);
            Assert.True(found >= 0, $"\"{part}\" is missing or comes too early in:\n{prompt}");
            at = found + part.Length;
        }
    }
}
