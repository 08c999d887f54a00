namespace LlmProxy.Prompts.Runtime;

/// <summary>What a loop tells about itself under <c>for</c>, <c>while</c> or <c>tablerow</c>.</summary>
internal sealed class LoopState(string name)
{
    private object? _previous;
    private bool _isChanged = true;

    public string Name { get; } = name;

    public int Index { get; set; }

    public int Length { get; init; }

    public int Columns { get; init; } = 1;

    public static bool IsSupported(string loop, string member) => loop switch
    {
        "for" => member is "index" or "rindex" or "length" or "first" or "last" or "even" or "odd" or "changed",
        "tablerow" => member is "col" or "index" or "rindex" or "length" or "first" or "last" or "even" or "odd" or "changed",
        "while" => member is "index" or "first" or "even" or "odd",
        _ => true,
    };

    public void MoveTo(object? item)
    {
        _isChanged = Index == 0 || !Equals(item, _previous);
        _previous = item;
    }

    public object? Get(string member) => member switch
    {
        "index" => Values.Box(Index),
        "rindex" => Values.Box(Length - Index - 1),
        "length" => Values.Box(Length),
        "first" => Values.Box(Index == 0),
        "last" => Values.Box(Index == Length - 1),
        "even" => Values.Box(Index % 2 == 0),
        "odd" => Values.Box(Index % 2 != 0),
        "changed" => Values.Box(_isChanged),
        "col" => Values.Box((Index % Columns) + 1),
        _ => null,
    };
}

/// <summary>The names that a running loop adds.</summary>
internal sealed class LoopScope(string? variable, bool isLocal, LoopState state)
{
    public string? Variable { get; } = variable;

    public bool IsLocal { get; } = isLocal;

    public LoopState State { get; } = state;

    public object? Value { get; set; }
}
