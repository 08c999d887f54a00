namespace LlmProxy.Wire.Translation;

/// <summary>How a model takes instructions to think.</summary>
public enum ThinkingControl
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>As a number of tokens: <c>thinking.budget_tokens</c>, <c>thinkingConfig.thinkingBudget</c>.</summary>
    Budget,

    /// <summary>As a word: <c>output_config.effort</c>, <c>reasoning_effort</c>, <c>thinkingConfig.thinkingLevel</c>.</summary>
    Effort,
}

/// <summary>What a model takes and what it refuses.</summary>
public sealed record ModelRules
{
    /// <summary>Whether it takes temperature, top_p and top_k.</summary>
    public bool TakesSampling { get; init; } = true;

    /// <summary>Whether it takes stop sequences.</summary>
    public bool TakesStop { get; init; } = true;

    /// <summary>How it is told to think.</summary>
    public ThinkingControl Thinking { get; init; }

    /// <summary>The words for effort that it takes, from the least.</summary>
    public IReadOnlyList<string> Efforts { get; init; } = [];

    /// <summary>Whether a history may end with the model's own words, which it continues.</summary>
    public bool TakesPrefill { get; init; } = true;

    /// <summary>Whether the shape of its output can be demanded by a schema.</summary>
    public bool TakesSchema { get; init; } = true;

    /// <summary>Whether it takes tools whose input is free text.</summary>
    public bool TakesFreeText { get; init; }

    /// <summary>Whether Chat Completions names its limit <c>max_completion_tokens</c>.</summary>
    public bool NamesCompletionLimit { get; init; }

    /// <summary>Whether calls need a thought signature and have ids (Gemini 3 and later).</summary>
    public bool SignsCalls { get; init; }

    /// <summary>The output limit that is sent where the dialect demands one and the client states none.</summary>
    public int DefaultMaxTokens { get; init; } = 8192;

    /// <summary>The largest output limit that it takes; null if it is not known.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The rules that a model's name implies.</summary>
    public static ModelRules For(DialectKind dialect, string model)
    {
        var name = model[(model.LastIndexOf('/') + 1)..].ToLowerInvariant();
        return dialect switch
        {
            // Clouds put the vendor in front: anthropic.claude-….
            DialectKind.AnthropicMessages => OfClaude(name[Math.Max(0, name.IndexOf("claude", StringComparison.Ordinal))..]),
            DialectKind.Gemini => OfGemini(name),
            _ => OfOpenAi(name, dialect == DialectKind.OpenAiResponses),
        };
    }

    private static ModelRules OfClaude(string name)
    {
        // Claude 3 to 4.6 take sampling and budgets, 4.7 and later neither.
        if (IsAny(name, "claude-3", "claude-2", "claude-instant"))
        {
            var thinks = IsAny(name, "claude-3-7");
            return new ModelRules { TakesSchema = false, Thinking = thinks ? ThinkingControl.Budget : ThinkingControl.None, DefaultMaxTokens = thinks ? 16_384 : 4096, MaxTokens = thinks ? 64_000 : IsAny(name, "claude-3-5") ? 8192 : 4096 };
        }

        if (IsAny(name, "claude-opus-4-0", "claude-opus-4-1", "claude-opus-4-2025", "claude-opus-4@", "claude-sonnet-4@", "claude-sonnet-4-0", "claude-sonnet-4-2025"))
        {
            return new ModelRules { TakesSchema = IsAny(name, "claude-opus-4-1"), Thinking = ThinkingControl.Budget, DefaultMaxTokens = 16_384, MaxTokens = 32_000 };
        }

        if (IsAny(name, "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"))
        {
            return new ModelRules { Thinking = ThinkingControl.Budget, DefaultMaxTokens = 32_000, MaxTokens = 64_000 };
        }

        return IsAny(name, "claude")
            ? new ModelRules
            {
                TakesSampling = IsAny(name, "claude-opus-4-6", "claude-sonnet-4-6"),
                TakesPrefill = false,
                Thinking = ThinkingControl.Effort,
                Efforts = ["low", "medium", "high", "max"],
                DefaultMaxTokens = 32_000,
                MaxTokens = 64_000,
            }
            : new ModelRules { TakesSchema = false, DefaultMaxTokens = 8192 };
    }

    private static ModelRules OfOpenAi(string name, bool isResponses)
    {
        var isGpt5 = IsAny(name, "gpt-5") || IsAny(name, "gpt-6");
        if (isGpt5 && name.Contains("chat", StringComparison.Ordinal))
        {
            return new ModelRules { TakesSampling = false, TakesStop = false, NamesCompletionLimit = true };
        }

        if (isGpt5 || IsAny(name, "o1", "o3", "o4", "codex"))
        {
            return new ModelRules
            {
                TakesSampling = false,
                TakesStop = false,
                Thinking = ThinkingControl.Effort,
                Efforts = !isGpt5 ? ["low", "medium", "high"]
                    : IsAny(name, "gpt-5.1") ? ["none", "low", "medium", "high"]
                    : name.StartsWith("gpt-5.", StringComparison.Ordinal) || IsAny(name, "gpt-6") ? ["none", "low", "medium", "high", "xhigh"]
                    : ["minimal", "low", "medium", "high"],
                TakesFreeText = isGpt5,
                NamesCompletionLimit = true,
            };
        }

        var isOpenAi = IsAny(name, "gpt-", "chatgpt-", "ft:gpt-");
        return new ModelRules { NamesCompletionLimit = isOpenAi && !isResponses && !IsAny(name, "gpt-oss", "gpt-3") };
    }

    private static ModelRules OfGemini(string name)
    {
        if (IsAny(name, "gemini-1", "gemini-2.0", "gemma"))
        {
            return new ModelRules { MaxTokens = 8192 };
        }

        return IsAny(name, "gemini-2.5")
            ? new ModelRules { Thinking = ThinkingControl.Budget, MaxTokens = 65_536 }
            : new ModelRules
            {
                Thinking = ThinkingControl.Effort,
                Efforts = name.Contains("flash", StringComparison.Ordinal) ? ["minimal", "low", "medium", "high"] : ["low", "high"],
                SignsCalls = true,
                MaxTokens = 65_536,
            };
    }

    private static bool IsAny(string name, params ReadOnlySpan<string> prefixes)
    {
        foreach (var prefix in prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
