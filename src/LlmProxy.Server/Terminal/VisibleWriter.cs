using System.Text;

namespace LlmProxy.Server.Terminal;

/// <summary>A writer to a terminal through which every text passes <see cref="VisibleText"/>, so that no verb can forget it.</summary>
/// <param name="inner">The terminal.</param>
internal sealed class VisibleWriter(TextWriter inner) : TextWriter(inner.FormatProvider)
{
    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => inner.Write(VisibleText.IsHidden(value) && !char.IsSurrogate(value) ? VisibleText.Lines(value.ToString()) : value.ToString());

    public override void Write(char[] buffer, int index, int count) => inner.Write(VisibleText.Lines(new string(buffer, index, count)));

    public override void Write(ReadOnlySpan<char> buffer) => inner.Write(VisibleText.Lines(buffer.ToString()));

    public override void Write(string? value) => inner.Write(VisibleText.Lines(value ?? ""));

    // The line end is the writer's own.
    public override void WriteLine() => inner.WriteLine();

    public override void WriteLine(string? value) => inner.WriteLine(VisibleText.Lines(value ?? ""));

    public override void WriteLine(ReadOnlySpan<char> buffer) => WriteLine(buffer.ToString());

    public override Task WriteAsync(char value) => inner.WriteAsync(VisibleText.IsHidden(value) && !char.IsSurrogate(value) ? VisibleText.Lines(value.ToString()) : value.ToString());

    public override Task WriteAsync(string? value) => inner.WriteAsync(VisibleText.Lines(value ?? ""));

    public override Task WriteAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(VisibleText.Lines(buffer.ToString()).AsMemory(), cancellationToken);

    public override Task WriteAsync(char[] buffer, int index, int count) => inner.WriteAsync(VisibleText.Lines(new string(buffer, index, count)));

    public override Task WriteLineAsync() => inner.WriteLineAsync();

    public override Task WriteLineAsync(string? value) => inner.WriteLineAsync(VisibleText.Lines(value ?? ""));

    public override Task WriteLineAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default) => WriteLineAsync(buffer.ToString());

    public override void Flush() => inner.Flush();

    public override Task FlushAsync() => inner.FlushAsync();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
}
