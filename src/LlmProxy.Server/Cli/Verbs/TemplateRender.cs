using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary>Renders the prompt that a request would be sent with.</summary>
internal static class TemplateRender
{
    private const string SamplePrompt = "You are an agent.\n\nOPERATING PRINCIPLES\n1. Do what the user asks.\n";

    /// <summary>The values to render with.</summary>
    internal sealed record Request(string Provider, string Model, string Task, string? SystemFile, IReadOnlyList<string> Tools)
    {
        public required string Tenant { get; init; }
    }

    /// <summary>Writes the rendered prompt and nothing else, so that the output can be compared and kept.</summary>
    /// <exception cref="CliException">The prompt cannot be rendered.</exception>
    public static async Task<int> RunAsync(CliConsole console, ProxyConfiguration configuration, Request request, CancellationToken cancellationToken)
    {
        // 1. The templates, loaded as the proxy loads them.
        using var templates = new TemplateDirectory(configuration.Resolve(configuration.Options.Prompts.Directory), NullLogger.Instance);
        if (templates.Status.FirstOrDefault(file => !file.Ok) is { } broken)
        {
            throw new CliException($"The templates have an error, so the proxy would reject them: {broken.Error}");
        }

        // 2. The agent's own prompt and the examples.
        var system = await ReadSystemAsync(configuration, request.SystemFile, cancellationToken);
        var examples = await FindExamplesAsync(configuration, request, cancellationToken);

        // 3. The prompt.
        var values = new PromptValues("task", request.Task, request.Provider, request.Model, [.. request.Tools.Select(name => new ToolOffer(name, ""))], examples);
        var prompt = PromptRenderer.Prepare(templates.Current, values);
        if (!prompt.HasTemplate)
        {
            throw new CliException($"No template for {request.Provider}: the proxy does not change its prompts.");
        }

        var rendering = prompt.Render(system, configuration.Options.Prompts.InsertBefore);
        if (rendering.Text is not { } text)
        {
            throw new CliException($"The prompt cannot be rendered: {rendering.Error}");
        }

        console.Out.Write(text.EndsWith('\n') ? text : text + "\n");
        return ExitCodes.Done;
    }

    private static async Task<string> ReadSystemAsync(ProxyConfiguration configuration, string? file, CancellationToken cancellationToken)
    {
        switch (file)
        {
            case null:
                return SamplePrompt.Replace("OPERATING PRINCIPLES", configuration.Options.Prompts.InsertBefore, StringComparison.Ordinal);
            case "-":
                return await Console.In.ReadToEndAsync(cancellationToken);
            default:
                return File.Exists(file) ? await File.ReadAllTextAsync(file, cancellationToken) : throw new CliException($"File not found: {file}. Check --system.", ExitCodes.WrongUsage);
        }
    }

    private static async Task<IReadOnlyList<FewShotExample>> FindExamplesAsync(ProxyConfiguration configuration, Request request, CancellationToken cancellationToken)
    {
        var options = configuration.Options;
        if (!options.FewShot.Enabled || options.FewShot.Count == 0)
        {
            return [];
        }

        await using var store = StoreFactory.Create(options.Storage, configuration.BaseDirectory, TimeProvider.System);
        await store.InitializeAsync(cancellationToken);
        using var embeddings = new EmbeddingService(options.Embeddings);
        var reader = new TrajectoryReader(store);
        var search = new ExampleSearch(store, store, embeddings, options.FewShot, options.Quality, NullLogger<ExampleSearch>.Instance);
        var service = new FewShotService(search, embeddings, options.FewShot, (run, cancellation) => reader.ReadAsync(run.Id, cancellation), NullLogger<FewShotService>.Instance);
        var query = new ExampleQuery(request.Tenant, request.Task, options.FewShot.Count) { Providers = options.FewShot.SourceProviders, OfferedTools = request.Tools };
        return (await service.ExplainAsync(query, cancellationToken)).Examples;
    }
}
