using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Trajectories;

public sealed class TaskIdTests
{
    public static TheoryData<string?, bool> Ids() => new()
    {
        { "a", true }, { "0192f3c4", true }, { "Rechnung März", true }, { "任务-7", true }, { "a.b:c;d,e?f#g%h\\i", true }, { "LAST", true }, { "😀", true }, { new string('x', 200), true },
        { null, false }, { "", false }, { " ", false }, { " a", false }, { "a ", false }, { "last", false }, { "session:x", false }, { "session:", false }, { ".", false }, { "..", false },
        { "a/b", false }, { "/", false }, { "a\nb", false }, { "a\u001b]0;x\u0007", false }, { "a\u009b", false }, { "a\u007f", false }, { "a\0b", false },
        { "a\u202eb", false }, { "a\u200bb", false }, { "a\u2028b", false }, { "\ufeffa", false }, { "a\ud800", false }, { "a\ue000", false }, { new string('x', 201), false }, { new string('x', 30_000), false },
    };

    [Theory]
    [MemberData(nameof(Ids))]
    public void Ids_that_can_be_named_everywhere_are_accepted(string? text, bool isValid)
    {
        Assert.Equal(isValid, TaskId.TryParse(text, out var id));
        Assert.Equal(isValid ? text : null, id.Value);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Any_text_can_be_made_an_id(string? text, bool isValid)
    {
        if (text is null)
        {
            return;
        }

        var id = TaskId.From(text);

        Assert.True(TaskId.TryParse(id.Value, out _), id.Value);
        Assert.True(!isValid || id.Value == text);
        Assert.Equal(id, TaskId.From(text));
    }
}
