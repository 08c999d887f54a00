using System.Reflection;
using LlmProxy.Core.Storage;

namespace LlmProxy.Tests.Recording;

/// <summary>A store whose calls a test can let fail or wait.</summary>
#pragma warning disable CA1852, MA0053 // The platform derives from it.
internal class FaultyStore : DispatchProxy
#pragma warning restore CA1852, MA0053
{
    private ITrajectoryStore _inner = null!;

    /// <summary>Asked before each call with its name and arguments; what it gives is thrown.</summary>
    public Func<string, object?[], Exception?>? Fault { get; set; }

    /// <summary>While this is set, calls of this name wait for it.</summary>
    public (string Method, Task Until)? Wait { get; set; }

    /// <summary>What the store says of whether other processes use it, where that is not the inner one's word.</summary>
    public bool? IsShared { get; set; }

    /// <summary>Number of calls by name.</summary>
    public Dictionary<string, int> Calls { get; } = new(StringComparer.Ordinal);

    public ITrajectoryStore Store => (ITrajectoryStore)(object)this;

    public static FaultyStore Around(ITrajectoryStore inner)
    {
        var store = (FaultyStore)(object)Create<ITrajectoryStore, FaultyStore>();
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

        if (IsShared is { } shared && targetMethod.Name == "get_IsShared")
        {
            return shared;
        }

        return targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
    }
}
