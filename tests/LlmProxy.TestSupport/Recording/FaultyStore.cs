using System.Reflection;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Recording;

/// <summary>All ports of a store that one process uses.</summary>
public interface IStorePorts : IStoreLifecycle, ITrajectoryStore, ICorrelationStore, IExampleStore, ISearchStore, IEmbeddingStore, IPromptPinStore, IStatisticsStore, IOutcomeStore, ICurationStore;

/// <summary>All ports of a store that several processes use.</summary>
public interface ISharedStorePorts : IStorePorts, ISharedTaskStore;

/// <summary>A store whose calls a test can let fail or wait.</summary>
#pragma warning disable CA1852, MA0053 // The platform derives from it.
internal class FaultyStore : DispatchProxy
#pragma warning restore CA1852, MA0053
{
    private object _inner = null!;

    /// <summary>Asked before each call with its name and arguments; what it gives is thrown.</summary>
    public Func<string, object?[], Exception?>? Fault { get; set; }

    /// <summary>While this is set, calls of this name wait for it.</summary>
    public (string Method, Task Until)? Wait { get; set; }

    /// <summary>Number of calls by name.</summary>
    public Dictionary<string, int> Calls { get; } = new(StringComparer.Ordinal);

    public IStorePorts Store => (IStorePorts)(object)this;

    /// <summary>A store around another.</summary>
    /// <param name="inner">Answers the calls.</param>
    /// <param name="isShared">Whether it says that other processes use it; open tasks that the inner store cannot share are known to this process alone.</param>
    public static FaultyStore Around(ITrajectoryStore inner, bool isShared = false)
    {
        var store = (FaultyStore)(isShared ? (object)Create<ISharedStorePorts, FaultyStore>() : Create<IStorePorts, FaultyStore>());
        store._inner = inner;
        return store;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        lock (Calls)
        {
            Calls[targetMethod!.Name] = Calls.GetValueOrDefault(targetMethod.Name) + 1;
        }

        if (Wait is { } wait && wait.Method == targetMethod.Name)
        {
            wait.Until.Wait();
        }

        if (Fault?.Invoke(targetMethod.Name, args ?? []) is { } error)
        {
            throw error;
        }

        return targetMethod.DeclaringType == typeof(ISharedTaskStore) && _inner is not ISharedTaskStore
            ? AnswerAlone(targetMethod, args!)
            : targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
    }

    private static Task AnswerAlone(MethodInfo method, object?[] args) => method.Name switch
    {
        nameof(ISharedTaskStore.FindOpenTasksAsync) => Task.FromResult<IReadOnlyList<ReplicaTask>>([]),
        nameof(ISharedTaskStore.FindOpenTaskAsync) => Task.FromResult<ReplicaTask?>(null),
        nameof(ISharedTaskStore.ListenAsync) => Task.Delay(Timeout.Infinite, (CancellationToken)args[^1]!),
        _ => Task.CompletedTask,
    };
}
