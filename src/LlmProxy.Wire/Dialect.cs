using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire;

/// <summary>What the dialects share: each brings its readers, its assembler and its writer.</summary>
/// <param name="kind">Which format it is.</param>
/// <param name="name">Its name.</param>
/// <param name="provider">The provider whose format it is.</param>
/// <param name="messages">Reads one message.</param>
/// <param name="scanBody">Scans a request.</param>
/// <param name="scanMessage">Scans one message of a request's history.</param>
internal abstract class Dialect(
    DialectKind kind, string name, string provider, MessageReader messages, RequestScan.BodyReader scanBody, RequestScan.ElementReader scanMessage) : IDialect
{
    public DialectKind Kind => kind;

    public string Name => name;

    public string Provider => provider;

    public virtual string ProviderConvention => Provider;

    public virtual string OperationConvention => "chat";

    public virtual bool TakesBlankText => true;

    public bool IsRecordOnly => false;

    public DialectKind StoredAs => kind;

    public abstract bool IsCompletion(ReadOnlySpan<char> path);

    public abstract RequestPatterns Patterns { get; }

    public virtual bool StreamsAsArray(string target) => false;

    public RequestReading? ReadRequest(ReadOnlyMemory<byte> body, string path, TurnKeys keys) =>
        RequestScan.Run(body, keys, scanBody) is not { } scan ? null
        : scan.IsTooLarge ? RequestReading.TooLarge(body)
        : PlacesOf(scan, path, messages).In(scan.Body);

    public RequestContent? ReadContent(ReadOnlyMemory<byte> body) =>
        RequestScan.Run(body, null, scanBody) is { IsTooLarge: false } scan ? RequestPlaces.Content(scan, messages) : null;

    public ConversationMessage ReadMessage(ReadOnlyMemory<byte> json) => messages.Read(json).Message;

    public TurnKey KeyOf(ReadOnlyMemory<byte> json, TurnKeys keys) => RequestScan.KeyOf(json, keys, scanMessage);

    public virtual IReadOnlyList<ToolDefinition> ReadTools(ReadOnlyMemory<byte> json) => ToolLists.Read(json, [new ByteRange(0, json.Length)]);

    public abstract ReplyAssembler CreateAssembler(string? contentType, bool streamRequested);

    public byte[] WriteReply(AssembledReply reply) => WriterOf(reply).Whole();

    public IReadOnlyList<ReplyEvent> WriteEvents(AssembledReply reply) => WriterOf(reply).Events();

    public abstract byte[] FormatError(int status, string message);

    /// <summary>Takes what a scan found.</summary>
    protected virtual RequestPlaces PlacesOf(RequestScan scan, string path, MessageReader reader) => new(scan, reader);

    /// <summary>A writer for one reply.</summary>
    protected abstract ReplyWriter WriterOf(AssembledReply reply);
}
