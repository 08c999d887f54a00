using System.Text;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

/// <summary>Steps that the wire tests share.</summary>
internal static class Wire
{
    public static readonly byte[] Secret = Encoding.UTF8.GetBytes("a secret of the store, of 16 bytes or more");

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static RequestReading? TryRead(DialectKind kind, string body, string path = "/v1/x")
    {
        using var keys = new TurnKeys(Secret);
        return DialectCatalog.Get(kind).ReadRequest(Bytes(body), path, keys);
    }

    public static RequestReading Read(DialectKind kind, string body, string path = "/v1/x")
        => TryRead(kind, body, path) ?? throw new InvalidOperationException("no request of the dialect: " + body);

    /// <summary>Hands an answer over one byte at a time, which is the worst way to split it.</summary>
    public static AssembledReply Assemble(DialectKind kind, string answer)
    {
        var assembler = DialectCatalog.Get(kind).CreateAssembler(null, false);
        foreach (var one in Bytes(answer))
        {
            assembler.Append([one]);
        }

        return assembler.ToReply();
    }

    public static TurnKey Key(AssembledReply reply)
    {
        using var keys = new TurnKeys(Secret);
        return keys.AssistantTurn(reply.Message.Text, reply.CallKeys);
    }

    /// <summary>The text that a body holds at a reading's default place after a rewrite, and whether all other bytes are as before.</summary>
    public static string Rewrite(RequestReading reading, string text)
    {
        var body = reading.Body.Span;
        byte[] changed;
        ByteRange range;
        if (reading.DefaultSystemText >= 0)
        {
            range = reading.SystemTexts[reading.DefaultSystemText].Literal;
            changed = PromptSplicer.Replace(reading.Body, range, text);
        }
        else
        {
            range = reading.Insertion!.Range;
            changed = PromptSplicer.Insert(reading.Body, reading.Insertion, text);
        }

        Assert.True(body[..range.Start].SequenceEqual(changed.AsSpan(0, range.Start)));
        Assert.True(body[range.End..].SequenceEqual(changed.AsSpan(changed.Length - (body.Length - range.End))));
        return Encoding.UTF8.GetString(changed);
    }

    public static string Text(ReadOnlyMemory<byte> json) => Encoding.UTF8.GetString(json.Span);
}
