using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace LlmProxy.Server.Cli;

/// <summary>Builds verbs that send one request to the API and print its response, or with <c>--json</c> the response itself.</summary>
internal static class ApiVerb
{
    /// <summary>Creates such a verb.</summary>
    /// <param name="context">Settings and console.</param>
    /// <param name="name">The verb.</param>
    /// <param name="description">Its line in the help.</param>
    /// <param name="symbols">Its arguments and options.</param>
    /// <param name="send">Sends the request.</param>
    /// <param name="type">Type of the response.</param>
    /// <param name="print">Prints the response for people.</param>
    public static Command Create<T>(
        CliContext context,
        string name,
        string description,
        IEnumerable<Symbol> symbols,
        Func<ApiConnection, ParseResult, CancellationToken, Task<JsonNode>> send,
        JsonTypeInfo<T> type,
        Action<CliConsole, ParseResult, T> print)
    {
        var json = CliContext.JsonOption();
        var command = new Command(name, description);
        foreach (var symbol in symbols.Append(json))
        {
            if (symbol is Argument argument)
            {
                command.Add(argument);
            }
            else
            {
                command.Add((Option)symbol);
            }
        }

        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await OpenAsync(context, parse, cancellationToken);
            var response = await send(api, parse, cancellationToken);
            if (parse.GetValue(json))
            {
                context.Console.Json(response);
            }
            else
            {
                print(context.Console, parse, response.Deserialize(type)!);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Connects to the API with the settings of a command line.</summary>
    /// <remarks>If the command line names no server, the error output shows whose data the verb works on.</remarks>
    public static async Task<ApiConnection> OpenAsync(CliContext context, ParseResult parse, CancellationToken cancellationToken)
    {
        var configuration = context.Configuration(parse);
        var (addresses, isNamed) = (context.ServerAddresses(parse, configuration), context.NamesServer(parse));
        var api = await ApiConnection.OpenAsync(configuration, addresses, isNamed, parse.GetValue(context.Tenant), cancellationToken);
        if (!isNamed && !PrintsJson(parse))
        {
            await context.Console.Error.WriteLineAsync(api.IsRunningServer
                ? $"Server: {api.Address.GetLeftPart(UriPartial.Authority)}"
                : $"Store: {StorePlace.Describe(configuration.Options.Storage, configuration.BaseDirectory)} (no server responds on {string.Join(", ", addresses)})");
        }

        return api;
    }

    private static bool PrintsJson(ParseResult parse) =>
        parse.CommandResult.Command.Options.OfType<Option<bool>>().FirstOrDefault(option => option.Name == CliContext.JsonName) is { } json && parse.GetValue(json);

    /// <summary>A query string of the parameters that have a value.</summary>
    public static string Query(params IEnumerable<(string Name, object? Value)> parameters)
    {
        var given = parameters.Select(p => (p.Name, Value: p.Value is null ? "" : FormattableString.Invariant($"{p.Value}")))
            .Where(p => p.Value.Length > 0)
            .Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value)}")
            .ToList();
        return given.Count == 0 ? "" : "?" + string.Join('&', given);
    }
}
