using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Prompts.Checking;
using LlmProxy.Server.Api.Dtos;

namespace LlmProxy.Server.Cli;

/// <summary>Tells a filter that found nothing from a misspelt name.</summary>
internal static class UnknownName
{
    /// <summary>Checks the names of a filter that found no run.</summary>
    /// <exception cref="CliException">No run has this provider or model at all; the message suggests a known name.</exception>
    public static async Task CheckAsync(ApiConnection api, string? provider, string? model, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(provider) && string.IsNullOrEmpty(model))
        {
            return;
        }

        var known = (await api.GetAsync("/statistics", cancellationToken)).Deserialize(ApiJson.Default.StatisticsResponse)!;
        await CheckAsync("provider", provider, [.. ProviderResolver.Names.Union(known.ByProvider.Keys, StringComparer.Ordinal)]);
        await CheckAsync("model", model, [.. known.ByModel.Select(m => m.Model).Where(name => name.Length > 0).Distinct(StringComparer.Ordinal)]);

        async Task CheckAsync(string filter, string? name, IReadOnlyCollection<string> names)
        {
            // Statistics count ended runs only.
            if (!string.IsNullOrEmpty(name) && !names.Contains(name)
                && (await api.GetAsync("/trajectories" + ApiVerb.Query((filter, name), ("limit", 1)), cancellationToken))["items"]!.AsArray().Count == 0)
            {
                throw new CliException(names.Count == 0 ? $"No run has the {filter} \"{name}\": nothing is recorded yet." : $"No run has the {filter} \"{name}\": {Suggestion.For(name, names)}");
            }
        }
    }
}
