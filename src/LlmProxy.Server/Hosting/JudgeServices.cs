using System.ClientModel;
using System.ClientModel.Primitives;
using Anthropic;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;

namespace LlmProxy.Server.Hosting;

/// <summary>Registers the judge, if the settings have one.</summary>
internal static class JudgeServices
{
    /// <summary>Name of its budget in the store.</summary>
    public const string Budget = "judge";

    // Calls of this process at the same time: judging is in no hurry.
    private const int Concurrency = 2;

    private const int Retries = 2;

    /// <summary>Adds <see cref="TrajectoryJudge"/> and <see cref="JudgeWorker"/>; nothing if <c>Judge:Enabled</c> is false.</summary>
    public static IServiceCollection AddJudge(this IServiceCollection services, LlmProxyOptions options)
    {
        if (!options.Judge.Enabled)
        {
            return services;
        }

        services.AddKeyedSingleton<IChatClient>(Budget, (_, _) => CreateClient(options.Judge, Environment.GetEnvironmentVariable));
        services.AddSingleton(p => new Assistant(
            p.GetRequiredKeyedService<IChatClient>(Budget),
            options.Judge.Model!,
            new AssistantLimits(Budget, options.Judge.MaxUsdPerDay, options.Judge.Timeout, Concurrency),
            p.GetRequiredService<IAssistanceStore>(),
            p.GetRequiredService<Redactor>(),
            options.Prices,
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<ILogger<Assistant>>()));
        services.AddSingleton(p => new TrajectoryJudge(
            p.GetRequiredService<Assistant>(),
            p.GetRequiredService<IJudgementStore>(),
            p.GetRequiredService<ITrajectoryStore>(),
            p.GetRequiredService<TrajectoryReader>(),
            p.GetRequiredService<TaskService>(),
            p.GetRequiredService<Redactor>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(options.Judge);
        services.AddSingleton<JudgeWorker>();
        return services;
    }

    /// <summary>A client of the model's own SDK, with the SDK's retries.</summary>
    public static IChatClient CreateClient(JudgeOptions judge, Func<string, string?> environment)
    {
        // A server on one's own machine often takes no key; the SDKs want a text.
        var key = (judge.ApiKeyEnv is { } variable ? environment(variable) : null) ?? "none";
        if (JudgeDestination.IsClaude(judge.Model!))
        {
            var claude = new AnthropicClient { ApiKey = key, MaxRetries = Retries, Timeout = judge.Timeout };
            if (judge.Endpoint is { } address)
            {
                claude = new AnthropicClient { ApiKey = key, MaxRetries = Retries, Timeout = judge.Timeout, BaseUrl = address };
            }

            return new AnthropicRefusals(claude.AsIChatClient(judge.Model!));
        }

        var settings = new OpenAIClientOptions { NetworkTimeout = judge.Timeout, RetryPolicy = new ClientRetryPolicy(Retries) };
        if (judge.Endpoint is { } endpoint)
        {
            settings.Endpoint = new Uri(endpoint);
        }

        return new ChatClient(judge.Model, new ApiKeyCredential(key), settings).AsIChatClient();
    }
}
