using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Storage;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Packaging;

/// <summary>The settings of the compose file and of the manifests start the program, on a PostgreSQL server.</summary>
[NeedsPostgres]
public sealed partial class DeployedSettingsTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [StoreFact]
    public Task The_settings_of_the_compose_file_start_the_program_which_is_ready_takes_the_keys_and_serves_metrics() => StartAsync("compose");

    [StoreFact]
    public Task The_settings_of_the_manifests_do_too() => StartAsync("kubernetes");

    private async Task StartAsync(string deployment)
    {
        foreach (var environment in DeploymentFiles.Environments(deployment))
        {
            using var folder = new TestFolder();

            // Only the addresses of the machines differ, and the volume, which is this folder.
            var settings = DeploymentFiles.Image().Concat(environment).GroupBy(v => v.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => DeploymentFiles.Fill(g.Last().Value).Replace("/data", folder.Path, StringComparison.Ordinal), StringComparer.Ordinal);
            settings["LlmProxy__Storage__ConnectionString"] = await server.CreateDatabaseAsync();
            settings["LlmProxy__Prompts__Directory"] = Path.Combine(PackedPackages.Repository, "templates");
            settings.Remove("LlmProxy__Telemetry__Otlp");
            using var process = LlmproxyProcess.Start(folder, settings.Select(v => v.Key + "=" + v.Value), ["serve", "--urls", "http://0.0.0.0:0"]);
            try
            {
                var address = await AddressAsync(process);
                using var client = new HttpClient { BaseAddress = address };

                Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, "/readyz", null));
                Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(client, "/_llmproxy/status", null));
                Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(client, "/_llmproxy/status", DeploymentFiles.Secrets["LLMPROXY_AGENT_KEY"]));
                Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, "/_llmproxy/status", DeploymentFiles.Secrets["LLMPROXY_ADMIN_KEY"]));
                Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, "/metrics", DeploymentFiles.Secrets["LLMPROXY_ADMIN_KEY"]));
                Assert.Equal(0, await HealthCheckAsync(address.Port));
                Assert.NotEqual(0, await HealthCheckAsync(RawUpstream.ClosedAddress().Port));
            }
            finally
            {
                process.Kill();
                await process.WaitForExitAsync();
            }
        }
    }

    private static async Task<Uri> AddressAsync(Process process)
    {
        var error = process.StandardError.ReadToEndAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (Listens().Match(line) is { Success: true } found)
            {
                _ = process.StandardOutput.ReadToEndAsync();
                return new Uri("http://127.0.0.1:" + found.Groups["port"].Value);
            }
        }

        throw new InvalidOperationException("The program ended: " + await error);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        if (key is not null)
        {
            request.Headers.Add("LlmProxy-Key", key);
        }

        using var answer = await client.SendAsync(request);
        return answer.StatusCode;
    }

    private static async Task<int> HealthCheckAsync(int port)
    {
        var start = new ProcessStartInfo("bash") { UseShellExecute = false, RedirectStandardError = true };
        start.ArgumentList.Add(DeploymentFiles.PathOf("healthcheck.sh"));
        start.ArgumentList.Add(port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var process = Process.Start(start)!;
        await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    [GeneratedRegex(@" listens on .*:(?<port>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Listens();
}
