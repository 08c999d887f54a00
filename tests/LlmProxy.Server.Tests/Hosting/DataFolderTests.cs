using LlmProxy.Server.Hosting;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Hosting;

public sealed class DataFolderTests
{
    [Fact]
    public void A_settings_file_of_the_user_keeps_its_data_in_its_own_folder()
    {
        using var folder = new TestFolder();

        Assert.Equal(folder["conf"], DataFolder.Of(Path.Combine(folder["conf"], "proxy.json"), folder["program"], folder["user"]));
        Assert.Equal(folder["program-settings"], DataFolder.Of(Path.Combine(folder["program-settings"], "proxy.json"), folder["program"], folder["user"]));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("program/proxy.json")]
    [InlineData("program/conf/proxy.json")]
    public void Data_never_lie_in_the_folder_of_the_program(string? file)
    {
        using var folder = new TestFolder();
        var program = folder["program"] + Path.DirectorySeparatorChar;

        Assert.Equal(folder["user"], DataFolder.Of(file is null ? null : folder[file], program, folder["user"]));
    }

    [Fact]
    public void Data_in_the_folder_of_the_program_are_reported_with_the_command_that_moves_them()
    {
        using var folder = new TestFolder();
        var old = Path.Combine(folder["program"], "data");
        var moved = Path.Combine(folder["user"], "data");
        Directory.CreateDirectory(old);
        File.WriteAllText(Path.Combine(old, "llmproxy.db"), "");

        var error = Assert.Throws<InvalidDataException>(() => DataFolder.Of(null, folder["program"], folder["user"]));
        Directory.CreateDirectory(folder["user"]);
        Directory.Move(old, moved);

        Assert.Contains($"mkdir -p \"{folder["user"]}\" && mv \"{old}\" \"{moved}\"", error.Message, StringComparison.Ordinal);
        Assert.Equal(folder["user"], DataFolder.Of(null, folder["program"], folder["user"]));
    }

    [Theory]
    [InlineData(null, "program/templates")]
    [InlineData("mine", "program/mine")]
    public void Templates_next_to_the_program_stay_in_use(string? configured, string expected)
    {
        using var folder = new TestFolder();

        Assert.Equal(folder[expected], DataFolder.TemplatesOf(folder["program/proxy.json"], configured, folder["program"]));
        Assert.Null(DataFolder.TemplatesOf(folder["conf/proxy.json"], configured, folder["program"]));
    }

    [Fact]
    public void A_system_without_a_data_folder_is_reported()
    {
        using var folder = new TestFolder();

        Assert.Contains("XDG_DATA_HOME", Assert.Throws<InvalidDataException>(() => DataFolder.Of(null, folder["program"], null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n  \"LlmProxy\": {\n    oops\n", "(3,5)")]
    [InlineData("{\n  \"LlmProxy\": {},,\n}", "(2,18)")]
    [InlineData("[", "proxy.json")]
    public async Task Invalid_json_is_reported_with_line_and_column(string json, string place)
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["proxy.json"], json);

        var outcome = await Llmproxy.RunAsync("db", "check", "--config", folder["proxy.json"]);

        Assert.Equal(1, outcome.Code);
        Assert.Contains(place, outcome.Error, StringComparison.Ordinal);
        Assert.Contains("is not valid JSON", outcome.Error, StringComparison.Ordinal);
    }
}
