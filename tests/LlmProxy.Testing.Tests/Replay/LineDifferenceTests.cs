using System.Text;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Tests.Replay;

public sealed class LineDifferenceTests
{
    [Fact]
    public void A_unified_difference_has_three_lines_around_each_change_and_right_numbers()
    {
        var before = string.Join('\n', Enumerable.Range(1, 30).Select(i => $"line {i}"));
        var after = before.Replace("line 4\n", "line four\n", StringComparison.Ordinal).Replace("line 9\n", "", StringComparison.Ordinal).Replace("line 25\n", "line 25\nline 25a\nline 25b\n", StringComparison.Ordinal);

        Assert.Equal(
            """
            --- a
            +++ b
            @@ -1,12 +1,11 @@
             line 1
             line 2
             line 3
            -line 4
            +line four
             line 5
             line 6
             line 7
             line 8
            -line 9
             line 10
             line 11
             line 12
            @@ -23,6 +22,8 @@
             line 23
             line 24
             line 25
            +line 25a
            +line 25b
             line 26
             line 27
             line 28

            """.ReplaceLineEndings("\n"),
            LineDifference.Unified(before, after, "a", "b"));
        Assert.Equal("", LineDifference.Unified(before, before, "a", "b"));
    }

    [Fact]
    public void Applied_to_the_old_text_a_comparison_gives_the_new_one()
    {
        var random = new Random(3);
        for (var round = 0; round < 500; round++)
        {
            var (before, after) = (Text(random), Text(random));

            var lines = LineDifference.Compare(before, after);

            Assert.Equal(before, string.Join('\n', lines.Where(line => line.Mark != '+').Select(line => line.Text)));
            Assert.Equal(after, string.Join('\n', lines.Where(line => line.Mark != '-').Select(line => line.Text)));
            Assert.Equal(after, Apply(before, LineDifference.Unified(before, after, "a", "b")));
        }
    }

    /// <summary>What patch does.</summary>
    private static string Apply(string before, string unified)
    {
        var old = before.Split('\n');
        var result = new List<string>();
        var at = 0;
        foreach (var line in unified.Split('\n').Skip(2).Where(line => line.Length > 0))
        {
            if (line.StartsWith("@@", StringComparison.Ordinal))
            {
                var range = line.Split(' ')[1][1..].Split(',');
                var start = int.Parse(range[0]) - (range is [_, "0"] ? 0 : 1);
                result.AddRange(old[at..start]);
                at = start;
            }
            else if (line[0] == '+')
            {
                result.Add(line[1..]);
            }
            else
            {
                Assert.Equal(old[at], line[1..]);
                at++;
                if (line[0] == ' ')
                {
                    result.Add(line[1..]);
                }
            }
        }

        result.AddRange(old[at..]);
        return string.Join('\n', result);
    }

    private static string Text(Random random)
    {
        var text = new StringBuilder("x");
        for (var i = random.Next(0, 30); i > 0; i--)
        {
            text.Append('\n').Append((char)('a' + random.Next(4)));
        }

        return text.ToString();
    }
}
