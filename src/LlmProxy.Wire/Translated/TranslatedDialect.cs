namespace LlmProxy.Wire.Translated;

/// <summary>
/// A dialect that is recorded in the form of another one: requests and responses are translated before they are read.
/// What is sent stays as it is, so such requests are never rewritten.
/// </summary>
/// <param name="kind">Which format it is.</param>
/// <param name="name">Its name.</param>
/// <param name="provider">The provider whose format it is.</param>
/// <param name="form">The dialect that it is recorded in.</param>
internal abstract class TranslatedDialect(DialectKind kind, string name, string provider, IDialect form) : IDialect
{
    public DialectKind Kind => kind;

    public string Name => name;

    public string Provider => provider;

    public virtual string ProviderConvention => provider;

    public string OperationConvention => "chat";

    public bool TakesBlankText => form.TakesBlankText;

    public bool IsRecordOnly => true;

    public DialectKind StoredAs => form.Kind;

    public RequestPatterns Patterns => form.Patterns;

    /// <summary>The dialect that it is recorded in.</summary>
    protected IDialect Form => form;

    public abstract bool IsCompletion(ReadOnlySpan<char> path);

    public RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys) =>
        Translate(body, path) is { } translated ? form.ReadRequest(translated, "", keys)?.AsTranslated() : null;

    public RequestContent? ReadContent(ReadOnlyMemory<byte> body) => Translate(body, "") is { } translated ? form.ReadContent(translated) : null;

    public ConversationMessage ReadMessage(ReadOnlyMemory<byte> json) => form.ReadMessage(json);

    public TurnKey KeyOf(ReadOnlyMemory<byte> json, TurnKeys keys) => form.KeyOf(json, keys);

    public IReadOnlyList<ToolDefinition> ReadTools(ReadOnlyMemory<byte> json) => form.ReadTools(json);

    public abstract ReplyAssembler CreateAssembler(string? contentType, bool streamRequested);

    public byte[] WriteReply(AssembledReply reply) => form.WriteReply(reply);

    public IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply) => form.WriteEvents(reply);

    public bool StreamsAsArray(string target) => false;

    public abstract byte[] FormatError(int status, string message);

    /// <summary>A request in the form that it is recorded in; null if it is no request of this dialect.</summary>
    /// <param name="body">The request's body.</param>
    /// <param name="path">The request's path.</param>
    protected abstract byte[]? Translate(ReadOnlyMemory<byte> body, string path);
}
