using System.Globalization;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli;

/// <summary>Which of an agent's projects are imported: named, or chosen by a person from the list of those that are there.</summary>
internal static class ImportChoice
{
    /// <summary>Completes a request with the projects that are chosen; null if a person chooses none.</summary>
    /// <param name="console">Where a person is asked.</param>
    /// <param name="projects">The projects that are there.</param>
    /// <param name="request">The request.</param>
    /// <param name="isDecided">Whether all are wanted that the request does not exclude.</param>
    /// <exception cref="CliException">A named project is not there, or nothing is named and nobody can be asked.</exception>
    public static ImportRequest? Of(CliConsole console, IReadOnlyList<ImportedProject> projects, ImportRequest request, bool isDecided)
    {
        foreach (var name in request.Projects.Concat(request.Excluded))
        {
            if (!projects.Any(p => ImportRequest.IsNamed(p.Name, name)))
            {
                throw new CliException($"No project {name} in {string.Join(", ", request.Paths)}. Name one of these by its path or its last folder:\n{List(projects)}", ExitCodes.WrongUsage);
            }
        }

        if (isDecided || request.Projects.Count > 0)
        {
            return request;
        }

        if (!console.CanAsk)
        {
            throw new CliException($"Choose the projects with --project NAME (repeatable), or take all with --all. In {string.Join(", ", request.Paths)} are:\n{List(projects)}", ExitCodes.WrongUsage);
        }

        console.Error.WriteLine(List(projects));
        var answer = console.Ask("Which projects? Numbers or names separated by commas, or all:");
        return answer is null ? null
            : answer.Equals("all", StringComparison.OrdinalIgnoreCase) ? request
            : request with { Projects = [.. answer.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(a => Find(projects, a))] };
    }

    private static string Find(IReadOnlyList<ImportedProject> projects, string answer) =>
        int.TryParse(answer, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= projects.Count ? projects[number - 1].Name
        : projects.FirstOrDefault(p => ImportRequest.IsNamed(p.Name, answer))?.Name
        ?? throw new CliException($"\"{answer}\" is no project of the list. Nothing was imported.", ExitCodes.WrongUsage);

    private static string List(IReadOnlyList<ImportedProject> projects) => string.Join('\n', projects.Select((p, i) =>
        string.Create(CultureInfo.InvariantCulture, $"  {i + 1}. {p.Name}: {p.Conversations} {(p.Conversations == 1 ? "conversation" : "conversations")}, last used {p.LastAt:yyyy-MM-dd}")));
}
