namespace LlmProxy.Tests.Cli;

/// <summary>On SQLite; PostgreSQL's part is in the tests of the store's copy.</summary>
public sealed class DbVerbTests
{
    [Fact]
    public async Task Init_makes_the_schema_as_often_as_it_is_called_and_check_tells_what_is_missing()
    {
        using var folder = new TestFolder();

        var missing = await Llmproxy.RunAsync(["db", "check", .. folder.Alone]);
        Assert.False(File.Exists(folder["llmproxy.db"]));
        var made = await Llmproxy.RunAsync(["db", "init", .. folder.Alone]);
        var again = await Llmproxy.RunAsync(["db", "init", .. folder.Alone]);
        var there = await Llmproxy.RunAsync(["db", "check", "--json", .. folder.Alone]);

        Assert.Equal((1, 0, 0, 0), (missing.Code, made.Code, again.Code, there.Code));
        Assert.Contains("llmproxy db init", missing.Output, StringComparison.Ordinal);
        Assert.StartsWith($"sqlite, {folder["llmproxy.db"]} (SQLite ", made.Output, StringComparison.Ordinal);
        Assert.Equal(made.Output, again.Output);
        Assert.True((bool?)there.Json["ok"]);
        Assert.Equal("sqlite", (string?)there.Json["provider"]);
        Assert.True((int?)there.Json["schemaVersion"] > 0);
    }

    [Fact]
    public async Task A_copy_from_nothing_or_to_something_else_is_refused_with_the_fix()
    {
        using var folder = new TestFolder();

        var nothing = await Llmproxy.RunAsync(["db", "copy", "--to", "postgres://nobody@127.0.0.1:1/x", .. folder.Alone]);
        var nowhere = await Llmproxy.RunAsync(["db", "copy", .. folder.Alone]);
        var wrongPort = await Llmproxy.RunAsync(["db", "copy", "--to", "postgres://nobody:hunter2@127.0.0.1:99999/x", .. folder.Alone]);

        Assert.Equal((1, 2, 2), (nothing.Code, nowhere.Code, wrongPort.Code));
        Assert.Contains("There is no database at", nothing.Error, StringComparison.Ordinal);
        Assert.Contains("--to", nowhere.Error, StringComparison.Ordinal);
        Assert.Contains("port", wrongPort.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", wrongPort.Error, StringComparison.Ordinal);
    }
}
