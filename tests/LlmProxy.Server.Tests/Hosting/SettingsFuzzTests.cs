using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Server.Cli.Verbs;
using LlmProxy.Server.Hosting;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Hosting;

/// <summary>Broken settings files: problems that can be read, or a proxy that is built.</summary>
public sealed class SettingsFuzzTests(ITestOutputHelper output)
{
    private static readonly string[] Values =
    [
        "null", "true", "\"maybe\"", "0", "-1", "1e999", "99999999999999999999", "\"\"", "\" \"", "\"\\u0000\"", "\"NaN\"", "[]", "[null]", "[\"\"]", "[[1]]", "{}", "{\"a\":null}", "{\"\":\"x\"}",
        "\"5s\"", "\"-5s\"", "\"99999999.00:00:00\"", "\"(?<a>(((\"", "\"(a+)+$\"", "\"[z-a]\"", "\"*\"", "\"http://\"", "\"ftp://x\"", "\"/{**a}/{**b}\"", "\"{unclosed\"", "\"../../..\"", "\"a:b:c\"", "\"1.5\"", "\"9223372036854775807\"", "\"${HOME}\"",
    ];

    [Fact]
    public async Task Any_settings_file_gives_problems_or_a_proxy()
    {
        using var folder = new TestFolder();
        var shipped = Encoding.UTF8.GetBytes(await File.ReadAllTextAsync(ShippedFile()));
        var random = new Random(20_260_501);
        var mutator = new JsonMutator(20_260_501);
        var (refused, withProblems, built) = (0, 0, 0);
        for (var tried = 0; tried < Fuzz.Tries(300); tried++)
        {
            // A proxy that is not built to its end holds its spool: each has one of its own.
            var bytes = random.Next(3) == 0 ? mutator.Mutate(shipped) : Encoding.UTF8.GetBytes(Change(JsonNode.Parse(shipped)!, random));
            await File.WriteAllBytesAsync(folder["proxy.json"], bytes);
            try
            {
                ProxyConfiguration configuration;
                try
                {
                    configuration = ProxyConfiguration.Load(folder["proxy.json"], [new("LlmProxy:Storage:ConnectionString", $"Data Source={folder["x.db"]}"), new("LlmProxy:Recording:Spool:Directory", folder[$"spool-{tried}"])]);
                }
                catch (InvalidDataException)
                {
                    refused++;
                    continue;
                }

                if (configuration.Problems.Count > 0)
                {
                    withProblems++;
                    Assert.All(configuration.Problems, p => Assert.True(p.Key.Length > 0 && p.Fix.Length > 0));
                    continue;
                }

                try
                {
                    await using var app = ProxyHost.Build(configuration, ["http://127.0.0.1:0"]);
                    built++;
                }
                catch (Exception error) when (ServeVerb.IsOfSettings(error))
                {
                    // "serve" prints the message and ends: a route that its library refuses.
                    Assert.Contains("proxy config", $"{error.Message} {error.InnerException?.Message}", StringComparison.OrdinalIgnoreCase);
                    refused++;
                }
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"file {tried}: {Convert.ToBase64String(bytes)}", error);
            }
        }

        output.WriteLine($"{refused} are no JSON or have routes that are refused, {withProblems} have problems, {built} are built");
        Assert.True(refused > 0 && withProblems > 0 && built > 0);
    }

    /// <summary>Gives some settings another value, name or place.</summary>
    private static string Change(JsonNode root, Random random)
    {
        var all = new List<JsonNode>();
        Collect(root, all);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var chosen = all[random.Next(1, all.Count)];
            var value = JsonNode.Parse(Values[random.Next(Values.Length)]);
            switch (chosen.Parent)
            {
                case JsonObject parent when random.Next(8) == 0:
                    parent[chosen.GetPropertyName() + "x"] = value;
                    break;
                case JsonObject parent:
                    parent[chosen.GetPropertyName()] = value;
                    break;
                case JsonArray parent when random.Next(2) == 0:
                    parent.Add(value);
                    break;
                case JsonArray parent:
                    parent[chosen.GetElementIndex()] = value;
                    break;
            }
        }

        return root.ToJsonString();
    }

    private static void Collect(JsonNode? node, List<JsonNode> all)
    {
        if (node is null)
        {
            return;
        }

        all.Add(node);
        var inner = node switch
        {
            JsonObject members => members.Select(m => m.Value),
            JsonArray items => items,
            _ => [],
        };
        foreach (var child in inner)
        {
            Collect(child, all);
        }
    }

    private static string ShippedFile()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "LlmProxy.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return Path.Combine(folder, "proxy.json");
    }
}
