using System.Text.Json;
using System.Text.Json.Serialization;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>A task that an agent is given in each arm, and the command that says whether it succeeded.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record EvaluationTask
{
    /// <summary>Its name in the results.</summary>
    public string Id { get; init; } = "";

    /// <summary>What the agent is asked.</summary>
    public string Task { get; init; } = "";

    /// <summary>Shell command that exits with 0 if the task succeeded; null for that of <c>--check</c>.</summary>
    public string? Check { get; init; }

    /// <summary>Files of the working directory by their relative paths, with their text.</summary>
    // Not init: the generated reader would set it to null where it is left out.
    public IReadOnlyDictionary<string, string> Files { get; set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>A directory that is copied into the working directory; relative to the file of the tasks.</summary>
    public string? Directory { get; init; }

    /// <summary>Reads a file of tasks: one JSON object in each line.</summary>
    /// <param name="file">The file.</param>
    /// <param name="check">The check of tasks without one of their own.</param>
    /// <exception cref="CliException">A line is no task; the message names it.</exception>
    public static IReadOnlyList<EvaluationTask> Read(string file, string? check)
    {
        if (!File.Exists(file))
        {
            throw new CliException($"{file} does not exist. --tasks takes a file with one JSON object in each line, such as {{\"id\": \"t1\", \"task\": \"Fix the test\", \"check\": \"dotnet test\"}}.", ExitCodes.WrongUsage);
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var tasks = new List<EvaluationTask>();
        foreach (var (line, index) in File.ReadLines(file).Select((line, index) => (line, index)).Where(entry => !string.IsNullOrWhiteSpace(entry.line)))
        {
            var task = Parse(line, problem => Wrong(index, problem));
            task = task with { Check = task.Check ?? check, Directory = task.Directory is { } directory ? Path.GetFullPath(Path.Combine(folder, directory)) : null };
            if (Problem(task, tasks) is { } wrong)
            {
                throw Wrong(index, wrong);
            }

            tasks.Add(task);
        }

        return tasks.Count > 0 ? tasks : throw new CliException($"{file} contains no task. Write one JSON object in each line.", ExitCodes.WrongUsage);

        CliException Wrong(int index, string problem) => new(Invariant($"{file}({index + 1}): {problem}"), ExitCodes.WrongUsage);
    }

    /// <summary>Creates the task's files in a working directory.</summary>
    public void WriteFiles(string folder)
    {
        if (Directory is { } source)
        {
            foreach (var directory in System.IO.Directory.EnumerateDirectories(source, "*", SearchOption.AllDirectories))
            {
                System.IO.Directory.CreateDirectory(Path.Combine(folder, Path.GetRelativePath(source, directory)));
            }

            foreach (var file in System.IO.Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
            {
                File.Copy(file, Path.Combine(folder, Path.GetRelativePath(source, file)));
            }
        }

        foreach (var (name, text) in Files)
        {
            var file = Path.Combine(folder, name);
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }
    }

    private static EvaluationTask Parse(string line, Func<string, CliException> wrong)
    {
        try
        {
            return JsonSerializer.Deserialize(line, EvaluationJson.Default.EvaluationTask) ?? throw wrong("null is no task. Write a JSON object with id and task.");
        }
        catch (JsonException error)
        {
            throw wrong($"not a task: {error.Message} Members are id, task, check, files and directory.");
        }
    }

    private static string? Problem(EvaluationTask task, List<EvaluationTask> earlier) =>
        string.IsNullOrWhiteSpace(task.Id) ? "id is missing. Name the task, for example \"id\": \"t1\"."
        : string.IsNullOrWhiteSpace(task.Task) ? "task is missing. Write what the agent is asked."
        : earlier.Exists(other => other.Id == task.Id) ? $"the id \"{task.Id}\" is used twice. Give each task its own; --repeat runs a task several times."
        : string.IsNullOrWhiteSpace(task.Check) ? "check is missing. Add \"check\" with a command that exits with 0 if the task succeeded, or give one for all tasks with --check."
        : task.Directory is { } directory && !System.IO.Directory.Exists(directory) ? $"the directory {directory} does not exist. Paths are relative to the file of the tasks."
        : task.Files is null ? "files is null. Write an object of paths and texts, or leave it out."
        : task.Files.FirstOrDefault(file => file.Value is null || !IsInside(file.Key)) is { Key: { } name } ? $"\"{name}\" of files is no text file inside of the working directory. Use a relative path without \"..\" and a text."
        : null;

    private static bool IsInside(string name)
    {
        var root = Path.Combine(Path.GetTempPath(), "x") + Path.DirectorySeparatorChar;
        var full = Path.GetFullPath(Path.Combine(root, name));
        return full.StartsWith(root, StringComparison.Ordinal) && full.Length > root.Length && !Path.EndsInDirectorySeparator(full);
    }
}
