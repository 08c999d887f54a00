using System.Text;
using LlmProxy.Core.Prompting;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Prompting;

/// <summary>Broken versions of the shipped templates: a set has problems with a file and a place, or it renders within its limits.</summary>
public sealed class TemplateFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] Pieces =
    [
        "{{", "}}", "{{-", "-}}", "{%{", "}%}", "{{ end }}", "{{ for x in 1..1000000 }}", "{{ while true }}", "{{ if tools }}", "{{ func f(x) }}", "{{ include 'proxy' }}", "{{ include 'few-shot' }}", "{{ include 'missing' }}",
        "{{ 'x' * 1000000 }}", "{{ examples[99999999].task }}", "{{ examples[0].steps[-1] }}", "{{ null.a.b }}", "{{ 1 / 0 }}", "{{ regex.match text '(a+)+$' }}", "{{ f f f }}", "{{ x = x }}", "{{ this }}", "{{ string.pad_left 'a' 2000000000 }}",
        "{{ array.size examples | math.times 1e308 }}", "{{ \"\\u{110000}\" }}", "{{ $ }}", "{{ ret }}", "{{ break }}", "\0", "\uFEFF", "\uD800", "(((((((((((((((((", "{{ [[[[[[[[[[[[[[[[ }}", "{{ capture x }}", "{{ import this }}", "{{ case 1 }}{{ when }}",
    ];

    [Fact]
    public async Task Any_change_of_the_shipped_templates_gives_problems_or_a_prompt()
    {
        var random = new Random(20_260_601);
        var files = TemplateSet.Shipped.Files.OrderBy(f => f.Key, StringComparer.Ordinal).ToList();
        var (withProblems, rendered) = (0, 0);
        string current = "";
        var work = Task.Run(() =>
        {
            for (var tried = 0; tried < Fuzz.Tries(600); tried++)
            {
                var changed = files.ToDictionary(f => f.Key, f => f.Value, StringComparer.Ordinal);
                for (var times = random.Next(1, 4); times > 0; times--)
                {
                    var name = files[random.Next(files.Count)].Key;
                    changed[name] = Change(changed[name], random);
                }

                current = $"set {tried}: " + Fuzz.Show(Encoding.UTF8.GetBytes(string.Join("\n===\n", changed.Where(f => f.Value != TemplateSet.Shipped.Files[f.Key]).Select(f => f.Key + "\n" + f.Value))));
                var set = TemplateSet.Parse(changed);
                if (set.Problems.Count > 0)
                {
                    withProblems++;
                    Assert.All(set.Problems, p => Assert.True(p.Message.Length > 0));
                    continue;
                }

                rendered++;
                foreach (var provider in PromptSamples.Providers)
                {
                    var rendering = PromptRenderer.Render(set, PromptSamples.Values(provider, tools: ["shell"], examples: PromptSamples.Example()), "You are an agent.\n", PromptSamples.Heading);
                    Assert.True(rendering.Error is not null || rendering.Text is { Length: < 2_000_000 });
                }
            }
        });
        try
        {
            await work.WaitAsync(TimeSpan.FromMinutes(4));
        }
        catch (Exception error)
        {
            throw new InvalidOperationException(current, error);
        }

        output.WriteLine($"{withProblems} have problems, {rendered} are rendered");
        Assert.True(withProblems > 0 && rendered > 0);
    }

    private static string Change(string text, Random random)
    {
        var at = random.Next(text.Length + 1);
        var length = random.Next(0, Math.Min(40, text.Length - at + 1));
        return random.Next(4) switch
        {
            0 => text.Remove(at, length),
            1 => text.Insert(at, Pieces[random.Next(Pieces.Length)]),
            2 => text.Insert(random.Next(text.Length + 1), text.Substring(at, length)),
            _ => text.Remove(at, length).Insert(at, Pieces[random.Next(Pieces.Length)]),
        };
    }
}
