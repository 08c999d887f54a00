using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>The five columns of a token usage, which runs and steps have alike.</summary>
internal sealed class TokenColumns<TRow>(ColumnTable<TRow> table, Func<TRow, TokenUsage> get)
{
    private readonly Column<long> _input = table.Long("input_tokens", row => get(row).Input);
    private readonly Column<long> _output = table.Long("output_tokens", row => get(row).Output);
    private readonly Column<long> _cacheRead = table.Long("cache_read_tokens", row => get(row).CacheRead);
    private readonly Column<long> _cacheWrite = table.Long("cache_write_tokens", row => get(row).CacheWrite);
    private readonly Column<long> _reasoning = table.Long("reasoning_tokens", row => get(row).Reasoning);

    public TokenUsage Of(Row row) => new(_input.Of(row), _output.Of(row), _cacheRead.Of(row), _cacheWrite.Of(row), _reasoning.Of(row));
}
