namespace LlmProxy.Core.Sdk;

/// <summary>
/// Says which task the calls of a piece of code belong to, for <see cref="LearningChatClient"/>: everything that is called
/// until it is disposed, also in methods that are awaited. Inner scopes win over outer ones.
/// </summary>
public sealed class TaskScope : IDisposable
{
    private static readonly AsyncLocal<TaskScope?> Innermost = new();
    private readonly TaskScope? _outer;

    private TaskScope(string taskId, string? description)
    {
        (TaskId, Description) = (taskId, description);
        _outer = Innermost.Value;
        Innermost.Value = this;
    }

    /// <summary>The scope that the running code is in, or null.</summary>
    public static TaskScope? Current => Innermost.Value;

    /// <summary>The task.</summary>
    public string TaskId { get; }

    /// <summary>What the task is, or null.</summary>
    public string? Description { get; }

    /// <summary>Opens a scope.</summary>
    /// <param name="taskId">The application's own id of the task.</param>
    /// <param name="description">What the task is, for searches; null: its first user message says.</param>
    public static TaskScope Begin(string taskId, string? description = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(taskId);
        return new TaskScope(taskId, description);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        if (Innermost.Value == this)
        {
            Innermost.Value = _outer;
        }
    }
}
