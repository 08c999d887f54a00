using LlmProxy.Core.Configuration;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Sdk;

/// <summary><c>services.AddLlmProxyCore(configuration)</c>.</summary>
public sealed class RegistrationTests
{
    [Fact]
    public void Wrong_settings_are_refused_at_once_and_all_of_them_are_named()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["LlmProxy:FewShot:Count"] = "many",
            ["LlmProxy:Quality:Threshold"] = "7",
            ["LlmProxy:Recording:Provider"] = "anthropic",
        }).Build();

        var error = Assert.Throws<InvalidSettingsException>(() => new ServiceCollection().AddLlmProxyCore(configuration));

        Assert.Equal(3, error.Problems.Count);
        Assert.Contains("LlmProxy:FewShot:Count = \"many\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:Quality:Threshold", error.Message, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:Recording:Provider", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_invalid_connection_string_is_refused_by_the_storage_registration_without_showing_it()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["LlmProxy:Storage:ConnectionString"] = "s3cret" }).Build();
        var services = new ServiceCollection().AddLlmProxyCore(configuration);

        var error = Assert.Throws<InvalidSettingsException>(() => services.AddLlmProxyStorage());

        Assert.Contains("LlmProxy:Storage:ConnectionString = (hidden): is not a SQLite connection string", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_application_without_logging_records_all_the_same()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-sdk-").FullName;
        await using (var services = new ServiceCollection().AddLlmProxyCore(new ConfigurationBuilder().AddInMemoryCollection(SdkLab.Settings(folder)).Build(), folder).AddLlmProxyStorage().BuildServiceProvider())
        {
            var started = await services.GetRequiredService<TrajectoryRecorder>().StartTrajectoryAsync("task", "anthropic", "claude-sonnet-4-6", "Book a flight");
            Assert.Equal("Book a flight", started.Trajectory.TaskDescription);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Logging_that_is_added_afterwards_gets_the_log()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-sdk-").FullName;
        var log = new FakeLogCollector();
        await using (var services = new ServiceCollection()
            .AddLlmProxyCore(new ConfigurationBuilder().AddInMemoryCollection(SdkLab.Settings(folder)).Build(), folder)
            .AddLlmProxyStorage()
            .AddLogging(logging => logging.AddProvider(new FakeLoggerProvider(log)))
            .BuildServiceProvider())
        {
            var recorder = services.GetRequiredService<TrajectoryRecorder>();
            await recorder.StartTrajectoryAsync("task-1", "anthropic", "claude-sonnet-4-6");
            await recorder.CompleteTrajectoryAsync("task-1", success: true);
        }

        Assert.Contains("Saved trajectory for task task-1 (success: true, quality: 1)", log.Text(), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task What_is_on_its_way_is_saved_when_the_services_are_disposed()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-sdk-").FullName;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(SdkLab.Settings(folder)).Build();
        await using (var services = new ServiceCollection().AddLlmProxyCore(configuration, folder).AddLlmProxyStorage().BuildServiceProvider())
        {
            await services.GetRequiredService<TrajectoryRecorder>().RecordIterationAsync("task", new IterationSnapshot { Messages = [WeatherTask.Asked()], Response = WeatherTask.Calls() });
        }

        await using (var services = new ServiceCollection().AddLlmProxyCore(configuration, folder).AddLlmProxyStorage().BuildServiceProvider())
        {
            var store = services.GetRequiredService<ITrajectoryStore>();
            Assert.Equal(1, (await store.FindTaskAsync("default", "task", default))!.IterationCount);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_store_that_cannot_be_opened_is_told_and_tried_again()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-sdk-").FullName;
        var blocked = Path.Combine(folder, "data");
        await File.WriteAllTextAsync(blocked, "not a folder");
        await using (var services = new ServiceCollection()
            .AddLlmProxyCore(new ConfigurationBuilder().AddInMemoryCollection(SdkLab.Settings(folder, ("LlmProxy:Storage:ConnectionString", "Data Source=data/llmproxy.db"))).Build(), folder)
            .AddLlmProxyStorage()
            .BuildServiceProvider())
        {
            var recorder = services.GetRequiredService<TrajectoryRecorder>();
            await Assert.ThrowsAsync<StoreException>(() => recorder.GetActiveCountAsync());

            File.Delete(blocked);

            Assert.Equal(0, await recorder.GetActiveCountAsync());
        }

        Directory.Delete(folder, recursive: true);
    }
}
