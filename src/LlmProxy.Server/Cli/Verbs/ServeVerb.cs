using System.CommandLine;
using LlmProxy.Server.Hosting;
using Microsoft.AspNetCore.Connections;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>serve</c>: runs the proxy; the default verb.</summary>
internal static class ServeVerb
{
    public const string Name = "serve";

    public static void AddTo(RootCommand root, CliContext context)
    {
        var insecure = new Option<bool>("--insecure") { Description = "Allow addresses other than loopback without keys" };
        var command = new Command(Name, "Run the proxy (default)") { insecure };
        command.SetAction((parse, cancellationToken) => RunAsync(context, parse, parse.GetValue(insecure), cancellationToken));
        root.Add(command);
        root.Add(insecure);
        root.SetAction((parse, cancellationToken) => RunAsync(context, parse, parse.GetValue(insecure), cancellationToken));
    }

    private static async Task<int> RunAsync(CliContext context, ParseResult parse, bool insecure, CancellationToken cancellationToken)
    {
        var configuration = context.Configuration(parse);
        var urls = context.Addresses(parse, configuration);
        var open = ProxyHost.NotLoopback(urls).ToList();
        var isShared = false;
        if (open.Count > 0 && configuration.Options.Auth.Keys.Count == 0)
        {
            if (!insecure)
            {
                throw new CliException(
                    $"Refused to listen on {string.Join(", ", open)}: without keys, anyone who can connect could use the proxy and read its records.\n"
                    + "Create a key with \"llmproxy keys create --name NAME --tenant TENANT --admin\" and add its entry to LlmProxy:Auth:Keys,\n"
                    + $"or listen on loopback ({ProxyHost.DefaultUrl}), or pass --insecure to allow it.");
            }

            // Trajectories of unrelated users must not influence each other's models by accident.
            isShared = !configuration.Options.Auth.SharedTenant;
            configuration = isShared ? configuration.With([new("LlmProxy:FewShot:Enabled", "false")]) : configuration;
        }

        await using var app = await StartAsync(configuration, urls, cancellationToken);
        await new StartMessage(app, configuration, isShared).WriteAsync(context.Console.Out, cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        return ExitCodes.Done;
    }

    private static async Task<WebApplication> StartAsync(ProxyConfiguration configuration, IReadOnlyList<string> urls, CancellationToken cancellationToken)
    {
        WebApplication? app = null;
        try
        {
            app = ProxyHost.Build(configuration, urls);
            await app.StartAsync(cancellationToken);
            return app;
        }
        catch (Exception error)
        {
            if (app is not null)
            {
                await app.DisposeAsync();
            }

            // A second process in the same folder fails on the spool before it fails on the port.
            if (error is IOException && (error.InnerException is AddressInUseException || await ApiConnection.FindServerAsync(urls, key: null, cancellationToken) is not null))
            {
                throw new CliException($"{string.Join(", ", urls)} is in use, perhaps by another llmproxy. Stop it, or use another port: llmproxy serve --urls http://127.0.0.1:8081");
            }

            throw;
        }
    }
}
