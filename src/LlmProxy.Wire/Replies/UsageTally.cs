using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Replies;

/// <summary>
/// The usage objects of one response. Each replaces the counts that it states, and a 0 never replaces a count, since servers
/// write it for what they leave out. Gateways use the field names of other providers, so that all names are read in all dialects.
/// </summary>
/// <param name="inputLeavesCacheOut">Whether <c>input_tokens</c> is the uncached input (Anthropic) or all of it.</param>
internal sealed class UsageTally(bool inputLeavesCacheOut = false)
{
    // Each count by the names of OpenAI, Anthropic, Gemini (both spellings), Ollama, Bedrock and llama.cpp's timings.
    private static readonly byte[][] AllInput = Names("prompt_tokens promptTokenCount prompt_token_count prompt_eval_count");
    private static readonly byte[][] AnyInput = Names("input_tokens inputTokens inputTokenCount");
    private static readonly byte[][] Output = Names("completion_tokens output_tokens candidatesTokenCount candidates_token_count eval_count outputTokens outputTokenCount predicted_n");
    private static readonly byte[][] CacheRead = Names("prompt_cache_hit_tokens cached_tokens cache_read_input_tokens cachedContentTokenCount cached_content_token_count cacheReadInputTokens cache_n");
    private static readonly byte[][] CacheWrite = Names("cache_creation_input_tokens cacheWriteInputTokens");
    private static readonly byte[][] Total = Names("total_tokens totalTokenCount total_token_count totalTokens");
    private static readonly byte[][] Reasoning = Names("reasoning_tokens thinking_tokens");
    private static readonly byte[][] InputDetails = Names("prompt_tokens_details input_tokens_details");
    private static readonly byte[][] OutputDetails = Names("completion_tokens_details output_tokens_details");
    private static readonly byte[][] DetailRead = Names("cached_tokens cache_read_tokens");
    private static readonly byte[][] DetailWrite = Names("cache_write_tokens cache_creation_tokens");

    private long _input;
    private long _toolInput;
    private long _output;
    private long _total;
    private long _cacheRead;
    private long _cacheWrite;
    private long _longCacheWrite;
    private long _reasoning;
    private long _thoughts;
    private long _webSearches;
    private bool _isUncached;
    private bool _hasInput;
    private bool _hasOutput;
    private string? _model;
    private ServiceTier _tier;
    private (TokenUsage Sum, List<ModelUsage> Others)? _passes;

    /// <summary>Whether input and output are known: of a total one of them is enough. A usage with one alone is unknown, since the other is not 0.</summary>
    public bool IsStated => _passes is not null || (_hasInput && (_hasOutput || _thoughts > 0)) || ((_hasInput || _hasOutput) && _total > 0);

    /// <summary>The counts; null if the response states none.</summary>
    public TokenUsage? Usage => !IsStated ? null : _passes is { } passes ? passes.Sum with { Reasoning = _reasoning } : Own();

    /// <summary>What the price depends on besides.</summary>
    public UsageTerms Terms => _tier == ServiceTier.Standard && _webSearches == 0 && _passes is not { Others.Count: > 0 }
        ? UsageTerms.Standard
        : new UsageTerms { Tier = _tier, WebSearches = _webSearches, OtherModels = _passes?.Others ?? [] };

    /// <summary>Takes a usage object.</summary>
    /// <returns>Whether the value is an object.</returns>
    public bool Take(JsonElement usage)
    {
        if (usage.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        TakeInput(usage);
        _hasOutput |= Later(ref _output, First(usage, Output));
        Later(ref _total, First(usage, Total));
        var (input, output) = (FirstObject(usage, InputDetails), FirstObject(usage, OutputDetails));
        Later(ref _cacheRead, First(input, DetailRead) ?? First(usage, CacheRead));
        Later(ref _cacheWrite, First(input, DetailWrite) ?? First(usage, CacheWrite));
        Later(ref _longCacheWrite, usage.Get("cache_creation"u8).Number("ephemeral_1h_input_tokens"u8));
        Later(ref _reasoning, First(output, Reasoning) ?? First(usage, Reasoning));
        // Gemini counts thoughts next to the candidates, the others within the output.
        Later(ref _thoughts, usage.Number("thoughtsTokenCount"u8) ?? usage.Number("thoughts_token_count"u8));
        Later(ref _toolInput, usage.Number("toolUsePromptTokenCount"u8) ?? usage.Number("tool_use_prompt_token_count"u8));
        Later(ref _webSearches, usage.Get("server_tool_use"u8).Number("web_search_requests"u8));
        TakeTier(usage.Text("service_tier"u8) ?? usage.Text("serviceTier"u8));
        TakeTier(usage.Text("trafficType"u8) ?? usage.Text("traffic_type"u8));
        TakeTier(usage.Text("speed"u8));
        TakePasses(usage.Get("iterations"u8));
        return true;
    }

    /// <summary>Takes the tier from where a response states it; words without a price of their own change nothing.</summary>
    public void TakeTier(string? word) => _tier = word?.ToUpperInvariant() switch
    {
        "BATCH" or "FLEX" or "ON_DEMAND_FLEX" => ServiceTier.Batch,
        "PRIORITY" or "ON_DEMAND_PRIORITY" => ServiceTier.Priority,
        "FAST" => ServiceTier.Fast,
        _ => _tier,
    };

    /// <summary>Notes the model that the response names, so that a pass of that model counts as its own.</summary>
    public void TakeModel(string? model) => _model = model ?? _model;

    private void TakeInput(JsonElement usage)
    {
        if (First(usage, AllInput) is { } all)
        {
            _hasInput = true;
            _isUncached = Later(ref _input, all) && all > 0 ? false : _isUncached;
        }
        else if (First(usage, AnyInput) is { } any)
        {
            _hasInput = true;
            _isUncached = Later(ref _input, any) && any > 0 ? inputLeavesCacheOut : _isUncached;
        }
        else if (usage.Number("prompt_n"u8) is { } processed)
        {
            // llama.cpp: the part of the prompt that was not in the cache.
            _hasInput = true;
            _isUncached |= Later(ref _input, processed);
        }
        else if (usage.Number("prompt_cache_miss_tokens"u8) is { } missed)
        {
            _hasInput = true;
            _isUncached |= Later(ref _input, missed);
        }
    }

    private void TakePasses(JsonElement iterations)
    {
        var passes = iterations.Items().ToList();
        if (passes.Count == 0)
        {
            return;
        }

        // The counts of the message itself leave out other passes: compaction, advisor, fallback.
        var sum = TokenUsage.None;
        var others = new List<ModelUsage>();
        foreach (var pass in passes)
        {
            var tally = new UsageTally(inputLeavesCacheOut);
            tally.Take(pass);
            var usage = tally.Own();
            sum = sum.Add(usage);
            if (pass.Text("model"u8) is { Length: > 0 } model && model != _model)
            {
                others.Add(new ModelUsage(model, usage));
            }
        }

        _passes = (sum, others);
    }

    private TokenUsage Own()
    {
        // Counts that leave the cache out cannot be smaller than it.
        var isUncached = _isUncached || _input < _cacheRead + _cacheWrite;
        var input = _input + _toolInput + (isUncached ? _cacheRead + _cacheWrite : 0);
        var output = _output + _thoughts;
        return new TokenUsage(
            _hasInput ? input : Math.Max(input, _total - output),
            _hasOutput || _thoughts > 0 ? output : Math.Max(0, _total - input),
            _cacheRead,
            _cacheWrite,
            Math.Max(_reasoning, _thoughts))
        { LongCacheWrite = _longCacheWrite };
    }

    /// <summary>Takes a later count; true if it was stated.</summary>
    private static bool Later(ref long count, long? stated)
    {
        count = stated is > 0 and var later ? later : count;
        return stated is not null;
    }

    private static long? First(JsonElement holder, byte[][] names)
    {
        foreach (var name in names)
        {
            if (holder.Number(name) is { } number)
            {
                return number;
            }
        }

        return null;
    }

    private static JsonElement FirstObject(JsonElement holder, byte[][] names)
    {
        foreach (var name in names)
        {
            if (holder.Get(name) is { ValueKind: JsonValueKind.Object } found)
            {
                return found;
            }
        }

        return default;
    }

    private static byte[][] Names(string names) => [.. names.Split(' ').Select(System.Text.Encoding.ASCII.GetBytes)];
}
