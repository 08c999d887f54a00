using System.Collections.Concurrent;
using Deque.AxeCore.Playwright;
using LlmProxy.Server.Dashboard;
using LlmProxy.Tests.Browser;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace LlmProxy.Tests.Dashboard;

/// <summary>The pages in a real browser. <c>LLMPROXY_SCREENSHOTS</c> names a folder for a picture of each screen.</summary>
public sealed class DashboardBrowserTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    private static readonly string? Pictures = Environment.GetEnvironmentVariable("LLMPROXY_SCREENSHOTS");

    [ChromiumFact]
    public async Task Pages_work_by_keyboard_are_accessible_and_ask_no_other_origin()
    {
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium.Program, Args = ["--no-sandbox", "--no-proxy-server"] });
        var problems = new ConcurrentQueue<string>();

        foreach (var (scheme, width) in (IEnumerable<(ColorScheme, int)>)[(ColorScheme.Light, 1280), (ColorScheme.Dark, 390)])
        {
            await using var context = await browser.NewContextAsync(new() { BaseURL = server.Proxy.Address.ToString(), ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 900 } });
            var page = await context.NewPageAsync();
            page.Console += (_, message) =>
            {
                if (message.Type is "error" or "warning")
                {
                    problems.Enqueue($"{page.Url}: {message.Text}");
                }
            };
            page.PageError += (_, error) => problems.Enqueue($"{page.Url}: {error}");
            page.Request += (_, request) =>
            {
                if (!request.Url.StartsWith(server.Proxy.Address.ToString(), StringComparison.Ordinal))
                {
                    problems.Enqueue($"{page.Url} asks {request.Url}");
                }
            };
            await page.GotoAsync(server.Proxy.Services.GetRequiredService<OneTimeLinks>().Create());
            foreach (var (path, name) in Screens())
            {
                await page.GotoAsync(DashboardEndpoints.Prefix + path);
                if (Pictures is not null)
                {
                    await page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, $"{name}-{scheme}-{width}.png"), FullPage = true });
                }

                var overflow = await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth");
                Assert.True(overflow <= 0, $"{name} is {overflow} pixels wider than {width}");

                // Colours are the only thing that differs: without pictures a few screens tell.
                if (Pictures is null && scheme == ColorScheme.Dark && name is not ("overview" or "hostile" or "templates"))
                {
                    continue;
                }

                var axe = await page.RunAxe();
                foreach (var violation in axe.Violations.Where(v => v.Impact is "serious" or "critical"))
                {
                    problems.Enqueue($"{name} {scheme} {width}: {violation.Id}: {string.Join("; ", violation.Nodes.Take(3).Select(node => node.Html))}");
                }
            }

            await UseKeyboardAsync(page);
        }

        Assert.Empty(problems);
    }

    private static async Task UseKeyboardAsync(IPage page)
    {
        await page.GotoAsync(DashboardEndpoints.Prefix + "/trajectories");
        await page.Keyboard.PressAsync("?");
        Assert.True(await page.Locator("#keys").IsVisibleAsync());
        await page.Keyboard.PressAsync("Escape");
        Assert.False(await page.Locator("#keys").IsVisibleAsync());
        await page.Keyboard.PressAsync("/");
        Assert.Equal("search", await page.EvaluateAsync<string>("document.activeElement.id"));
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("j");
        await page.Keyboard.PressAsync("j");
        await page.Keyboard.PressAsync("k");
        Assert.NotNull(await page.Locator("tr.current a").GetAttributeAsync("href"));
    }

    private IEnumerable<(string Path, string Name)> Screens() =>
    [
        ("", "overview"), ("/trajectories", "trajectories"), ("/trajectories/" + server.Run.Id, "trajectory"), ("/trajectories/" + server.HostileRun.Id, "hostile"),
        ("/live", "live"), ("/examples?text=What+should+I+wear+in+Oslo", "examples"), ("/experiments", "experiments"), ("/templates", "templates"), ("/cost", "cost"),
        ($"/compare?left={server.Run.Id}&right={server.HostileRun.Id}", "compare"), ("/export", "export"), ("/settings?search=Recording", "settings"), ("/health", "health"),
    ];
}
