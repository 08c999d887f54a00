using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>References to the stored content of a step; empty if none is kept.</summary>
internal sealed record KeptContent
{
    public ContentHash? SystemPrompt { get; init; }

    public ContentHash? SentSystemPrompt { get; init; }

    public ContentHash? Tools { get; init; }

    public IReadOnlyList<StepMessage> Messages { get; init; } = [];

    public ContentHash? Reply { get; init; }
}

/// <summary>The content of one step that is stored, after redaction.</summary>
internal sealed class StepContent(Redactor redactor)
{
    private readonly List<Content> _pieces = [];

    /// <summary>The pieces, in the order in which they were kept.</summary>
    public IReadOnlyList<Content> Pieces => _pieces;

    /// <summary>Keeps what a call brought and what its reply said.</summary>
    /// <param name="run">The call's run.</param>
    /// <param name="delta">What is new in the call.</param>
    /// <param name="reading">The request, or null if it could not be read.</param>
    /// <param name="sentPrompt">The system prompt that was sent in place of the agent's own, or null.</param>
    /// <param name="said">The reply, or null.</param>
    public KeptContent Keep(TrajectoryState run, RequestDelta delta, RequestReading? reading, string? sentPrompt, AssembledReply? said)
    {
        var messages = KeepMessages(run, delta);
        KeepPrompt(run, reading);
        return new KeptContent
        {
            Messages = messages,
            SystemPrompt = run.SystemPrompt.Stored,
            Tools = run.Tools.Stored,
            Reply = said is null ? null : Keep(said.Message.Json),
            SentSystemPrompt = sentPrompt is null ? run.SystemPrompt.Stored : Keep(sentPrompt),
        };
    }

    /// <summary>Keeps a reply that came later than its call.</summary>
    public ContentHash Keep(AssembledReply said) => Keep(said.Message.Json);

    /// <summary>Keeps the new messages of a call.</summary>
    private List<StepMessage> KeepMessages(TrajectoryState run, RequestDelta delta)
    {
        var kept = new List<StepMessage>(delta.Messages.Count);
        foreach (var message in delta.Messages)
        {
            var isForeign = message.IsAssistant && !run.Replies.Overlaps(delta.KeysOf(kept.Count));
            kept.Add(new StepMessage(Keep(message.Json), message.Role, isForeign));
        }

        return kept;
    }

    /// <summary>Keeps system prompt and tools, unless the run's last call sent the same bytes.</summary>
    private void KeepPrompt(TrajectoryState run, RequestReading? reading)
    {
        var prompt = reading is null ? default : DigestOf(reading.Body.Span, reading.SystemPromptPlaces());
        if (run.SystemPrompt.Source != prompt)
        {
            run.SystemPrompt = (prompt, reading?.ReadSystemPrompt() is { } text ? Keep(text) : null);
        }

        var tools = reading is null ? default : DigestOf(reading.Body.Span, reading.ToolPlaces);
        if (run.Tools.Source != tools)
        {
            run.Tools = (tools, reading?.ReadToolsJson() is { } json ? Keep(json) : null);
        }
    }

    private ContentHash Keep(ReadOnlyMemory<byte> json) => KeepPiece(redactor.RedactJson(json));

    private ContentHash Keep(string text) => KeepPiece(Encoding.UTF8.GetBytes(redactor.Redact(text)));

    private ContentHash KeepPiece(ReadOnlyMemory<byte> bytes)
    {
        var piece = Content.Of(bytes);
        _pieces.Add(piece);
        return piece.Hash;
    }

    /// <summary>Digest of some places of a request; 0 if there are none.</summary>
    private static UInt128 DigestOf(ReadOnlySpan<byte> request, IEnumerable<ByteRange> places)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var any = false;
        foreach (var place in places)
        {
            any = true;
            hash.AppendData(BitConverter.GetBytes(place.Length));
            hash.AppendData(request.Slice(place.Start, place.Length));
        }

        return any ? BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset()) : 0;
    }
}
