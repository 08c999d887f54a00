using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Browser;

/// <summary>A test that needs Chromium; skipped where it is not installed.</summary>
public sealed class ChromiumFactAttribute : FactAttribute
{
    public ChromiumFactAttribute()
    {
        if (Chromium.Program is null)
        {
            Skip = "needs Chromium (apt-get install chromium)";
        }
    }
}

/// <summary>Opens pages of a web site in a real, headless browser.</summary>
internal static class Chromium
{
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    /// <summary>The browser, or null if it is not installed.</summary>
    public static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>Serves a page on a site of its own, opens it, and gives what its script posts to <c>/report</c>.</summary>
    /// <param name="script">Ends with <c>report(text)</c>.</param>
    /// <param name="site">Host name of the site; the browser resolves it to this machine.</param>
    public static async Task<string> RunAsync(string script, string site)
    {
        var report = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.Run(async context =>
        {
            if (context.Request.Path == "/report")
            {
                using var reader = new StreamReader(context.Request.Body);
                report.TrySetResult(await reader.ReadToEndAsync());
                return;
            }

            context.Response.ContentType = "text/html; charset=utf-8";
            await context.Response.WriteAsync("<!doctype html><script>const report = text => fetch('/report', { method: 'POST', body: text });\n" + script + "</script>");
        });
        await app.StartAsync();
        var port = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        var profile = Directory.CreateTempSubdirectory("llmproxy-chromium-");
        var start = new ProcessStartInfo(Program!) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
            $"--host-resolver-rules=MAP *.example 127.0.0.1", $"--user-data-dir={profile.FullName}", "--remote-debugging-port=0", $"http://{site}:{port}/",
        ])
        {
            start.ArgumentList.Add(argument);
        }

        using var browser = Process.Start(start)!;
        var (output, error) = (browser.StandardOutput.ReadToEndAsync(), browser.StandardError.ReadToEndAsync());
        try
        {
            return await report.Task.WaitAsync(TimeSpan.FromSeconds(90));
        }
        finally
        {
            browser.Kill(entireProcessTree: true);
            await browser.WaitForExitAsync();
            await Task.WhenAll(output, error);
            profile.Delete(recursive: true);
        }
    }
}
