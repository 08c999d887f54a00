using System.CommandLine;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Api;
using LlmProxy.Server.Api.Dtos;
using Spectre.Console;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>tail</c>: one line for each exchange of a running proxy, as they are recorded.</summary>
internal static class TailVerb
{
    private const int ModelWidth = 20;

    public static Command Create(CliContext context)
    {
        var limit = new Option<int?>("--limit") { Description = "Stop after this number of exchanges" };
        var json = CliContext.JsonOption();
        var command = new Command("tail", "Show each exchange of a running proxy as it is recorded: model, status, time, tokens, cost, examples") { limit, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
            if (!api.IsRunningServer)
            {
                throw new CliException("No llmproxy is running. Start it with \"llmproxy serve\", or name its address with --server.");
            }

            try
            {
                await using var stream = await api.OpenStreamAsync("/events", "text/event-stream", cancellationToken);
                var left = parse.GetValue(limit) ?? int.MaxValue;
                await foreach (var item in SseParser.Create(stream).EnumerateAsync(cancellationToken))
                {
                    if (item.EventType == EventEndpoints.Exchange)
                    {
                        Print(context.Console, item.Data, parse.GetValue(json));
                        if (--left <= 0)
                        {
                            return ExitCodes.Done;
                        }
                    }
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return ExitCodes.Done;
            }

            throw new CliException("The server closed the connection.");
        });
        return command;
    }

    private static void Print(CliConsole console, string data, bool asJson)
    {
        if (asJson)
        {
            console.JsonLine(JsonNode.Parse(data));
            return;
        }

        var exchange = JsonSerializer.Deserialize(data, ApiJson.Default.RecordedExchangeDto)!;
        var isBad = exchange.HttpStatus >= 400 || exchange.Status is not ("ok" or null);
        console.Line(Line(exchange), isBad ? new Style(Color.Red) : default(Style?));
    }

    internal static string Line(RecordedExchangeDto exchange)
    {
        var usage = exchange.TokenUsage;
        string?[] parts =
        [
            Invariant($"{exchange.StartedAt:HH:mm:ss}"),
            TextFold.Short(exchange.Model.Length > 0 ? exchange.Model : exchange.Provider, ModelWidth).PadRight(ModelWidth),
            exchange.HttpStatus > 0 ? Invariant($"{exchange.HttpStatus}") : "-  ",
            exchange.DurationMs is { } ms ? Invariant($"{ms / 1000:0.0}s") : null,
            usage.Input is { } input && input + usage.Output > 0 ? Invariant($"{input}+{usage.Output} tok") : null,
            exchange.CostUsd is { } cost and > 0 ? Invariant($"${cost:0.0000}") : null,
            exchange.Examples > 0 ? Invariant($"{exchange.Examples} ex") : null,
            exchange.SideCall ? "side call" : exchange.TaskId is { } task ? Invariant($"{TextFold.Short(task, 12)}#{exchange.StepIndex}") : null,
            exchange.Status is null or "ok" ? null : exchange.Status,
        ];
        return string.Join("  ", parts.OfType<string>());
    }
}
