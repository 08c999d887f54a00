using LlmProxy.Core.Prompting;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Prompting;

public sealed class TemplateDirectoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llmproxy-templates-").FullName;
    private readonly FakeLogger _logger = new();
    private readonly ManualTime _time = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_missing_or_empty_folder_stands_for_the_shipped_templates()
    {
        using var missing = new TemplateDirectory(Path.Combine(_folder, "nothing"), _logger);
        using var empty = new TemplateDirectory(_folder, _logger);

        Assert.Same(TemplateSet.Shipped, missing.Current);
        Assert.Same(TemplateSet.Shipped, empty.Current);
        Assert.All(missing.Status, status => Assert.True(status.Ok));
        Assert.Equal(TemplateSet.Shipped.Files.Count, missing.Status.Count);
    }

    [Fact]
    public void Files_are_loaded_from_sub_folders_too()
    {
        Write("openai.sbn", "a {{ include 'parts/b' }} {{ system.text }}");
        Write("parts/b.sbn", "b");
        Write("notes.txt", "no template");

        using var directory = new TemplateDirectory(_folder, _logger);

        Assert.Equal(["openai.sbn", "parts/b.sbn"], directory.Current.Files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("a b You are an agent.", PromptSamples.Render(PromptSamples.Values("openai"), set: directory.Current));
        Assert.Single(_logger.Collector.Of(3001));
    }

    [Fact]
    public async Task A_change_is_taken_up_by_itself()
    {
        Write("openai.sbn", "first {{ system.text }}");
        using var directory = new TemplateDirectory(_folder, _logger);
        var before = directory.Current;

        Write("openai.sbn", "second, longer {{ system.text }}");

        var changed = TemplateSet.Parse(new Dictionary<string, string>(StringComparer.Ordinal) { ["openai.sbn"] = "second, longer {{ system.text }}" });
        await _logger.Collector.WaitForAsync(3001, changed.Hash[..12]);
        Assert.NotSame(before, directory.Current);
        Assert.Equal("second, longer {{ system.text }}", directory.Current.Files["openai.sbn"]);
        Assert.Equal("first {{ system.text }}", before.Files["openai.sbn"]);
    }

    [Fact]
    public async Task A_change_of_a_folder_that_cannot_be_watched_is_noticed_by_reading_the_status_alone()
    {
        // A folder that does not exist cannot be watched, as one beyond the system's limit of watchers.
        var later = Path.Combine(_folder, "later");
        using var directory = new TemplateDirectory(later, _logger);
        Assert.All(directory.Status, template => Assert.StartsWith("(built in)", template.Path, StringComparison.Ordinal));

        Write("later/openai.sbn", "own {{ system.text }}");

        Assert.True(await UntilAsync(() => directory.Status is [{ Ok: true } only] && only.Path == Path.Combine(later, "openai.sbn")));
    }

    [Fact]
    public async Task A_folder_that_comes_later_is_taken_up()
    {
        var later = Path.Combine(_folder, "later");
        using var directory = new TemplateDirectory(later, _logger);
        Assert.Same(TemplateSet.Shipped, directory.Current);

        Directory.CreateDirectory(later);
        Write("later/openai.sbn", "mine {{ system.text }}");

        Assert.True(await UntilAsync(() => directory.Current.Files.Count == 1));
    }

    [Fact]
    public void A_broken_file_keeps_the_last_good_set_until_it_is_mended()
    {
        Write("openai.sbn", "good {{ system.text }}");
        Write("gemini.sbn", "fine {{ system.text }}");
        using var directory = new TemplateDirectory(_folder, _logger, _time);
        var good = directory.Current;

        Write("openai.sbn", "broken {{ if }}");
        Look(directory);

        Assert.Same(good, directory.Current);
        var broken = Assert.Single(directory.Status, status => !status.Ok);
        Assert.Equal(Path.Combine(_folder, "openai.sbn"), broken.Path);
        Assert.StartsWith("openai.sbn(1,11): error LLMP102: ", broken.Error, StringComparison.Ordinal);
        Assert.Contains(directory.Status, status => status.Ok && status.Path.EndsWith("gemini.sbn", StringComparison.Ordinal));
        Assert.Contains("openai.sbn(1,11): error LLMP102: ", Assert.Single(_logger.Collector.Of(3002)).Message, StringComparison.Ordinal);

        // The same file again, or another look at it, is no further line.
        Look(directory);
        Assert.Single(_logger.Collector.Of(3002));

        Write("openai.sbn", "mended {{ system.text }}!");
        Look(directory);

        Assert.NotSame(good, directory.Current);
        Assert.All(directory.Status, status => Assert.True(status.Ok));
    }

    [Fact]
    public void A_set_that_is_broken_from_the_start_rewrites_nothing()
    {
        Write("openai.sbn", "{{ if }}");

        using var directory = new TemplateDirectory(_folder, _logger);

        Assert.Null(directory.Current.Select("openai", "gpt-4o"));
        Assert.False(Assert.Single(directory.Status).Ok);
    }

    [Fact]
    public void A_folder_that_goes_keeps_its_last_set_serving()
    {
        Write("openai.sbn", "good {{ system.text }}");
        using var directory = new TemplateDirectory(_folder, _logger, _time);
        var good = directory.Current;

        File.Delete(Path.Combine(_folder, "openai.sbn"));
        Look(directory);

        Assert.Same(good, directory.Current);
        Assert.Contains(directory.Status, status => !status.Ok);
    }

    [Fact]
    public void A_change_is_read_only_when_it_has_settled()
    {
        Write("openai.sbn", "good {{ system.text }}");
        using var directory = new TemplateDirectory(_folder, _logger, _time);
        var good = directory.Current;

        Write("openai.sbn", "go");
        directory.Look();
        directory.Look();
        Assert.Same(good, directory.Current);
        Write("openai.sbn", "good and whole {{ system.text }}");
        directory.Look();
        directory.Look();
        Assert.Same(good, directory.Current);
        Look(directory);

        Assert.Equal("good and whole {{ system.text }}", directory.Current.Files["openai.sbn"]);
    }

    private void Look(TemplateDirectory directory)
    {
        // The first look sees the change, the second that it has settled.
        directory.Look();
        _time.Now = TimeSpan.FromTicks(_time.Now.Ticks + TimeSpan.TicksPerSecond);
        directory.Look();
    }

    /// <summary>Uses a folder that is not watched until it has changed: each use looks at the files at most once a second.</summary>
    private static async Task<bool> UntilAsync(Func<bool> condition)
    {
        for (var round = 0; round < 200; round++)
        {
            if (condition())
            {
                return true;
            }

            await Task.Delay(50);
        }

        return false;
    }

    private void Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    /// <summary>A clock that the test moves, whose timers never fire.</summary>
    private sealed class ManualTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new StoppedTimer();

        private sealed class StoppedTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
