using System.Text.Json.Nodes;
using LlmProxy.Server.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

/// <summary>Runs the program in this process, as if in a pipe.</summary>
internal static class Llmproxy
{
    public static Task<Outcome> RunAsync(params string[] arguments) => RunPipedAsync(null, arguments);

    /// <summary>The same with a standard input that another program writes.</summary>
    public static async Task<Outcome> RunPipedAsync(TextReader? input, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = await CommandLine.RunAsync(arguments, new CliConsole(output, error, isTerminal: false, piped: input));
        return new Outcome(code, output.ToString(), error.ToString());
    }

    /// <summary>The same against a running proxy, by the user who runs it: its local token lies next to its spool.</summary>
    public static Task<Outcome> RunAsync(RunningProxy proxy, params string[] arguments) => RunAsync([.. At(proxy), .. arguments]);

    /// <summary>The same on a terminal, where a person answers questions.</summary>
    public static async Task<Outcome> RunAsync(string answers, RunningProxy proxy, params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var input = new StringReader(answers);
        var code = await CommandLine.RunAsync([.. At(proxy), .. arguments], new CliConsole(output, error, isTerminal: false, input));
        return new Outcome(code, output.ToString(), error.ToString());
    }

    private static string[] At(RunningProxy proxy) =>
        [$"--LlmProxy:Recording:Spool:Directory={System.IO.Path.Combine(proxy.Folder, "data", "spool")}", "--urls", proxy.Address.ToString()];

    internal sealed record Outcome(int Code, string Output, string Error)
    {
        public JsonNode Json
        {
            get
            {
                Assert.Equal("", Error);
                return JsonNode.Parse(Output)!;
            }
        }
    }
}

/// <summary>A folder of a test.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("llmproxy-cli-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Arguments that keep a verb in this folder, where no server answers.</summary>
    public string[] Alone =>
    [
        "--set", "urls=http://127.0.0.1:9",
        $"--LlmProxy:Storage:ConnectionString=Data Source={this["llmproxy.db"]}",
        $"--LlmProxy:Recording:Spool:Directory={this["spool"]}",
        "--LlmProxy:Embeddings:Provider=lexical",
        $"--LlmProxy:Prompts:Directory={this["templates"]}",
    ];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
