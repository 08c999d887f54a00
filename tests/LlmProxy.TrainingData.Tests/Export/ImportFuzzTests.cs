using System.Text;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Tests.Export;

/// <summary>Broken files of both sources: what cannot be read is skipped, and the sound run after it is imported.</summary>
public sealed class ImportFuzzTests
{
    private const string Mark = "The sound task";

    [Theory]
    [InlineData(ImportSource.ClaudeCode, false)]
    [InlineData(ImportSource.Anthropic, false)]
    [InlineData(ImportSource.Anthropic, true)]
    public async Task A_mutated_file_is_imported_as_far_as_it_can_be_read(ImportSource source, bool withOrigins)
    {
        await using var lab = await ExportLab.OpenAsync(ImportTests.Shipped());
        var importer = ImportTests.Importer(lab);
        var mutator = new JsonMutator(20_260_301);
        var random = new Random(20_260_301);
        var lines = source == ImportSource.ClaudeCode ? ImportTests.Transcript : ExportLines;
        var added = 0;
        for (var tried = 0; tried < Fuzz.Tries(150); tried++)
        {
            // 1. Some lines are broken; each file is another session, so that no file finds its runs in the store already.
            var session = new Guid(tried, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10).ToString();
            var file = lab[$"{session}.jsonl"];
            var bytes = Join(lines.Select(l => Encoding.UTF8.GetBytes(l.Replace(ImportTests.Session, session, StringComparison.Ordinal).Replace("RUN", session, StringComparison.Ordinal))), mutator, random)
                .Concat(Sound(source, session)).ToArray();
            await File.WriteAllBytesAsync(file, bytes);
            if (withOrigins)
            {
                await File.WriteAllBytesAsync(lab[$"{session}.origins.jsonl"], [.. Join(Origins[..^1].Select(l => Encoding.UTF8.GetBytes(l.Replace("RUN", session, StringComparison.Ordinal))), mutator, random), .. Encoding.UTF8.GetBytes(Origins[^1].Replace("RUN", session, StringComparison.Ordinal))]);
            }

            // 2. The import reports and ends.
            try
            {
                var report = await importer.ImportAsync(file, source, "default", dryRun: false, null, CancellationToken.None);
                added += report.Added;
                Assert.Equal(report.Runs, report.Added + report.Updated + report.Known);
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"file {tried}: {Fuzz.Show(bytes)}", error);
            }

            // 3. What is sound is there.
            Assert.True(await lab.Store.FindTaskAsync("default", SoundTask(source, session, withOrigins), CancellationToken.None) is not null, $"the sound run of file {tried} is missing: {Fuzz.Show(bytes)}");
            File.Delete(file);
        }

        Assert.True(added > 0);
    }

    private static string[] ExportLines =>
    [
        """{"model":"claude-sonnet-4-5","system":[{"type":"text","text":"You are a clerk RUN."}],"tools":[{"name":"look","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Find it RUN"},{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"look","input":{"a":[1,null,"x"]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r","is_error":true},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"role":"assistant","content":"Found."}]}""",
        """{"model":"claude-sonnet-4-5","system":"s","messages":[{"role":"user","content":[{"type":"text","text":"Next RUN"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"text","text":"Done."}]}]}""",
    ];

    private static string[] Origins =>
    [
        """{"trajectoryId":"a-RUN","taskId":"ta-RUN","conversationId":"ca","provider":"anthropic","client":"c","preset":"generic","taskDescription":"Find it","success":true,"qualityScore":0.9,"startedAt":"2026-02-18T10:00:00+00:00","completedAt":"2026-02-18T10:05:00+00:00","replies":[1,2],"times":["2026-02-18T10:01:00+00:00","2026-02-18T10:02:00+00:00"]}""",
        """{"trajectoryId":"b-RUN","taskId":"tb-RUN","conversationId":"cb","provider":"anthropic","client":"c","preset":"bytebot","taskDescription":"Next","success":null,"qualityScore":null,"startedAt":"2026-02-18T10:00:00+00:00","completedAt":null,"replies":[1],"times":["2026-02-18T10:01:00+00:00"]}""",
        """{"trajectoryId":"z-RUN","taskId":"tz-RUN","conversationId":"cz","provider":"anthropic","client":"c","preset":"generic","taskDescription":"Last","success":true,"qualityScore":1,"startedAt":"2026-02-18T10:00:00+00:00","completedAt":"2026-02-18T10:05:00+00:00","replies":[1],"times":["2026-02-18T10:01:00+00:00"]}""",
    ];

    private static byte[] Join(IEnumerable<byte[]> lines, JsonMutator mutator, Random random) =>
        [.. lines.SelectMany(l => (random.Next(3) == 0 ? mutator.Mutate(l) : l).Select(b => b == '\n' ? (byte)' ' : b).Append((byte)'\n'))];

    private static byte[] Sound(ImportSource source, string session) => Encoding.UTF8.GetBytes(source == ImportSource.ClaudeCode
        ? $$$"""
            {"type":"user","isSidechain":true,"agentId":"sound","uuid":"sound-u","parentUuid":null,"sessionId":"{{{session}}}","timestamp":"2026-02-18T11:00:00Z","message":{"role":"user","content":"{{{Mark}}} {{{session}}}"}}
            {"type":"assistant","isSidechain":true,"agentId":"sound","uuid":"sound-a","parentUuid":"sound-u","sessionId":"{{{session}}}","timestamp":"2026-02-18T11:00:05Z","message":{"id":"msg_sound","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"Done."}],"stop_reason":"end_turn"}}

            """
        : $$$"""
            {"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"{{{Mark}}} {{{session}}}"},{"role":"assistant","content":"Done."}]}

            """);

    private static string SoundTask(ImportSource source, string session, bool withOrigins) =>
        source == ImportSource.ClaudeCode ? ImportedTrajectory.IdOf($"claude-code\n{session}\nsound\nsound-u")
        : withOrigins ? "tz-" + session
        : ImportedTrajectory.IdOf("anthropic\n" + Encoding.UTF8.GetString(Sound(source, session)).TrimEnd('\n'));
}
