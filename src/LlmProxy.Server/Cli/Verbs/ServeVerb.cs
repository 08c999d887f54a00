using System.CommandLine;
using System.Net.Sockets;
using System.Security.Cryptography;
using LlmProxy.Server.Access;
using LlmProxy.Server.Hosting;
using LlmProxy.Server.Upstreams;
using Microsoft.AspNetCore.Connections;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>serve</c>: runs the proxy; the default verb.</summary>
internal static class ServeVerb
{
    public const string Name = "serve";

    public static void AddTo(RootCommand root, CliContext context)
    {
        var insecure = new Option<bool>("--insecure") { Description = "Allow addresses other than loopback without keys" };
        var insecureUpstreams = new Option<bool>("--insecure-upstreams") { Description = "Allow clusters that accept any certificate (DangerousAcceptAnyServerCertificate)" };
        var log = new Option<string?>(BackgroundProxy.LogOption) { Description = "Write the output to this file, and run on when the terminal closes", HelpName = "FILE" };
        var command = new Command(Name, "Run the proxy (default)") { insecure, insecureUpstreams, log };
        command.SetAction((parse, cancellationToken) => Run(parse, cancellationToken));
        root.Add(command);
        root.Add(insecure);
        root.Add(insecureUpstreams);
        root.SetAction((parse, cancellationToken) => Run(parse, cancellationToken));

        Task<int> Run(ParseResult parse, CancellationToken cancellationToken) =>
            RunAsync(context, parse, new Risks(parse.GetValue(insecure), parse.GetValue(insecureUpstreams)), parse.GetResult(log) is null ? null : parse.GetValue(log), cancellationToken);
    }

    private static async Task<int> RunAsync(CliContext context, ParseResult parse, Risks risks, string? log, CancellationToken cancellationToken)
    {
        var output = log is null ? context.Console.Out : BackgroundProxy.Detach(log);
        var configuration = context.Configuration(parse);
        var urls = context.Addresses(parse, configuration);
        CheckUpstreams(configuration, risks);
        var open = ListenAddresses.Of(configuration.Root, urls).NotLoopback().ToList();
        var isShared = false;
        if (open.Count > 0 && configuration.Options.Auth.Keys.Count == 0)
        {
            if (!risks.Insecure)
            {
                throw new CliException(new ListenRefusedException(string.Join(", ", open)).Message);
            }

            // Trajectories of unrelated users must not influence each other's models by accident.
            isShared = !configuration.Options.Auth.SharedTenant;
            configuration = isShared ? configuration.With([new("LlmProxy:FewShot:Enabled", "false")]) : configuration;
        }

        await using var app = await StartAsync(configuration, urls, risks.Insecure, cancellationToken);
        using var signals = new DrainSignals(app.Lifetime, cancellationToken);
        if (open.Count == 0 && configuration.Options.Auth.Keys.Count == 0 && new ListenAddresses([.. app.Urls]).NotLoopback().ToList() is { Count: > 0 } bound)
        {
            throw new CliException(new ListenRefusedException(string.Join(", ", bound)).Message);
        }

        await new StartMessage(app, configuration, isShared).WriteAsync(output, cancellationToken);
        await signals.DrainAsync(app, output);
        return ExitCodes.Done;
    }

    private static void CheckUpstreams(ProxyConfiguration configuration, Risks risks)
    {
        if (!risks.InsecureUpstreams && UncheckedUpstreams.Of(configuration.Root) is { Count: > 0 } clusters)
        {
            throw new CliException(
                $"Refused to start: certificates of the upstreams {string.Join(", ", clusters)} would not be checked, so anyone on the way could read prompts and keys.\n"
                + $"Remove ReverseProxy:Clusters:{clusters[0]}:HttpClient:DangerousAcceptAnyServerCertificate and add the upstream's certificate authority to the system's, or pass --insecure-upstreams to allow it.");
        }
    }

    private static async Task<WebApplication> StartAsync(ProxyConfiguration configuration, IReadOnlyList<string> urls, bool insecure, CancellationToken cancellationToken)
    {
        WebApplication? app = null;
        try
        {
            app = ProxyHost.Build(configuration, urls, insecure: insecure);
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
            if (error is IOException and not ListenRefusedException
                && (error.InnerException is AddressInUseException || await ApiConnection.FindServerAsync(urls, ApiCredentials.None, cancellationToken) is not null))
            {
                throw new CliException($"{string.Join(", ", urls)} is in use, perhaps by another llmproxy. Stop it, or use another port: llmproxy serve --urls http://127.0.0.1:8081");
            }

            if (IsOfSettings(error))
            {
                throw new CliException($"The server could not start on {string.Join(", ", ListenAddresses.Of(configuration.Root, urls).Urls)}: {Describe(error)} Check the addresses, section Kestrel and section ReverseProxy of the settings.");
            }

            throw;
        }
    }

    /// <summary>What a wrong address, certificate or route ends in.</summary>
    internal static bool IsOfSettings(Exception error) =>
        error is SocketException or InvalidOperationException or FormatException or ArgumentException or NotSupportedException or CryptographicException or AggregateException;

    private static string Describe(Exception error) => string.Join(
        ' ',
        Messages(error).Distinct(StringComparer.Ordinal).Select(message => message.ReplaceLineEndings(" ").TrimEnd('.') + "."));

    private static IEnumerable<string> Messages(Exception error) => error is AggregateException several
        ? several.InnerExceptions.SelectMany(Messages)
        : [error.Message, .. error.InnerException is { } inner ? Messages(inner) : []];

    /// <summary>What the user allows.</summary>
    /// <param name="Insecure">Addresses other than loopback without keys.</param>
    /// <param name="InsecureUpstreams">Upstreams whose certificate is not checked.</param>
    private sealed record Risks(bool Insecure, bool InsecureUpstreams);
}
