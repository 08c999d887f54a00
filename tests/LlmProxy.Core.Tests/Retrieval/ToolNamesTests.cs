using LlmProxy.Core.Retrieval;

namespace LlmProxy.Tests.Retrieval;

public sealed class ToolNamesTests
{
    [Theory]
    [InlineData("Read", "read_file", true)]
    [InlineData("Edit", "replace", true)]
    [InlineData("Bash", "exec_command", true)]
    [InlineData("Grep", "shell", true)]
    [InlineData("mcp__files__Read_File", "readFile", true)]
    [InlineData("Read", "write_file", false)]
    [InlineData("Bash", "read_file", false)]
    [InlineData("send_mail", "shell", false)]
    [InlineData("get_weather", "getWeather", true)]
    public void A_tool_is_offered_under_its_name_or_under_another_agents_name_for_the_same_ability(string used, string offered, bool fits) =>
        Assert.Equal(fits, ToolNames.Offers(ToolNames.Offer([offered]), used));
}
