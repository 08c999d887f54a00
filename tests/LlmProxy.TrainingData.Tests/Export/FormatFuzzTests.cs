using System.Text;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Validation;

namespace LlmProxy.Tests.Export;

/// <summary>Broken lines of every format: the check names problems or finds none, and never fails itself.</summary>
public sealed class FormatFuzzTests
{
    private const int LinesOfFile = 50;

    public static TheoryData<string> Formats() => new(ExportFormats.Names);

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task A_check_of_mutated_lines_counts_every_line_and_fails_at_none(string name)
    {
        var format = ExportFormats.Parse(name)!.Value;
        var good = Encoding.UTF8.GetBytes(ValidatorTests.GoodLine(name));
        var mutator = new JsonMutator(20_260_201);
        long withProblems = 0;
        for (var tried = 0; tried < Fuzz.Tries(2_000); tried += LinesOfFile)
        {
            // 1. Line ends within a mutation would make two lines of it.
            var lines = Enumerable.Range(0, LinesOfFile).Select(_ => mutator.Mutate(good).Select(b => b == '\n' ? (byte)' ' : b).ToArray()).ToList();
            var file = lines.SelectMany(l => l.Append((byte)'\n')).ToArray();
            FormatReport report;
            try
            {
                report = await FormatCheck.CheckAsync(new MemoryStream(file), format, null, isTraining: false, CancellationToken.None);
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"One of the lines from {tried}: {await FirstFailingAsync(lines, format)}", error);
            }

            Assert.Equal((LinesOfFile, (long)file.Length), (report.Lines, report.Bytes));
            withProblems += report.Problems.Count > 0 ? 1 : 0;
        }

        Assert.True(withProblems > 0, "no mutation was found to be wrong");
    }

    private static async Task<string> FirstFailingAsync(List<byte[]> lines, ExportFormat format)
    {
        foreach (var line in lines)
        {
            try
            {
                await FormatCheck.CheckAsync(new MemoryStream(line), format, null, isTraining: false, CancellationToken.None);
            }
            catch (Exception)
            {
                return Fuzz.Show(line);
            }
        }

        return "none of them alone";
    }
}
