namespace LlmProxy.Server.Demo;

/// <summary>What was put into a prompt, line by line.</summary>
internal static class PromptDiff
{
    /// <summary>Lines with <c>+</c> for new, <c>-</c> for gone, and a blank for kept ones. One insertion is looked for: what begins and ends alike is kept.</summary>
    public static IEnumerable<(char Mark, string Line)> Lines(string before, string after)
    {
        var old = before.Split('\n');
        var now = after.Split('\n');
        var head = 0;
        while (head < old.Length && head < now.Length && old[head] == now[head])
        {
            head++;
        }

        var tail = 0;
        while (tail < old.Length - head && tail < now.Length - head && old[^(tail + 1)] == now[^(tail + 1)])
        {
            tail++;
        }

        return
        [
            .. now[..head].Select(line => (' ', line)),
            .. old[head..^tail].Select(line => ('-', line)),
            .. now[head..^tail].Select(line => ('+', line)),
            .. now[^tail..].Select(line => (' ', line)),
        ];
    }
}
