namespace LlmProxy.Tests.Wire;

/// <summary>A short call of each dialect, and how each dialect's errors begin.</summary>
internal static class DialectCalls
{
    public const string Anthropic = "/anthropic/v1/messages";
    public const string AnthropicBody = """{"model":"claude-x","messages":[{"role":"user","content":"hi"}]}""";

    public static IReadOnlyList<(string Path, string Body)> All { get; } =
    [
        (Anthropic, AnthropicBody),
        ("/openai/v1/chat/completions", """{"model":"m","messages":[{"role":"user","content":"hi"}]}"""),
        ("/openai/v1/responses", """{"model":"m","input":"hi"}"""),
        ("/gemini/v1beta/models/m:generateContent", """{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"""),
    ];

    public static TheoryData<string, string> Theory()
    {
        var data = new TheoryData<string, string>();
        foreach (var (path, body) in All)
        {
            data.Add(path, body);
        }

        return data;
    }

    /// <summary>Asserts that an answer is an error in the shape that the path's SDK reads, and gives its text.</summary>
    public static async Task<string> ReadErrorAsync(string path, HttpResponseMessage answer)
    {
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        using var json = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        var error = json.RootElement.GetProperty("error");
        if (path.Contains("/messages", StringComparison.Ordinal))
        {
            Assert.Equal("error", json.RootElement.GetProperty("type").GetString());
            Assert.NotEmpty(error.GetProperty("type").GetString()!);
        }
        else if (path.StartsWith("/gemini", StringComparison.Ordinal))
        {
            Assert.Equal((int)answer.StatusCode, error.GetProperty("code").GetInt32());
        }
        else
        {
            Assert.NotEmpty(error.GetProperty("type").GetString()!);
        }

        return error.GetProperty("message").GetString()!;
    }
}
