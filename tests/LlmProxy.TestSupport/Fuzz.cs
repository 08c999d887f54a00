using System.Globalization;

namespace LlmProxy.Tests;

/// <summary>How much the tests with made-up input try: <c>LLMPROXY_FUZZ=50000 dotnet test --filter Fuzz</c> tries more than the suite has time for.</summary>
internal static class Fuzz
{
    /// <summary>The number of tries: <c>LLMPROXY_FUZZ</c>, else that of a short run.</summary>
    public static int Tries(int shortRun) =>
        int.TryParse(Environment.GetEnvironmentVariable("LLMPROXY_FUZZ"), CultureInfo.InvariantCulture, out var asked) ? asked : shortRun;

    /// <summary>The beginning of an input, for the message of a failure; it can be decoded and tried again.</summary>
    public static string Show(ReadOnlySpan<byte> input) => Convert.ToBase64String(input[..Math.Min(input.Length, 4_000)]);
}
