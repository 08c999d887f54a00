using System.Text;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>Text like that of tool results: lines of code and prose with quotes, tabs and line ends. The same for the same seed.</summary>
internal static class Filler
{
    private static readonly string[] Words =
    [
        "return", "value", "public", "the", "file", "of", "static", "request", "answer", "if", "null", "count", "session",
        "const", "to", "index", "message", "is", "not", "table", "order", "customer", "invoice", "await", "result", "path",
        "line", "window", "button", "error", "retry", "buffer", "stream", "a", "and", "with", "total", "amount", "user",
    ];

    public static string Text(int seed, int length)
    {
        var random = new Random(seed);
        var text = new StringBuilder(length + 40);
        var line = 0;
        while (text.Length < length)
        {
            var word = Words[random.Next(Words.Length)];
            text.Append(random.Next(24) switch
            {
                0 => $"\"{word}\"",
                1 => $"{word}{random.Next(100000)}",
                2 => $"{word}();",
                3 => $"{word} = {random.Next(1000)}.{random.Next(10)}",
                _ => word,
            });
            line += word.Length;
            text.Append(line > 60 ? random.Next(2) == 0 ? "\n" : "\n\t" : " ");
            line = line > 60 ? 0 : line;
        }

        text.Length = Math.Max(length, 0);
        return text.ToString();
    }
}
