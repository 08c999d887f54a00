using System.Collections;
using System.Reflection;
using System.Runtime.Loader;

namespace LlmProxy.Analyzers.Tests;

/// <summary>The libraries of the package in a compiler that has nothing but them.</summary>
public sealed class CompilerHostTests
{
    /// <summary>What Scriban refers to. A compiler may have these in another version or not at all.</summary>
    private static readonly string[] Lacking = ["Microsoft.CSharp", "System.Text.Json", "System.Threading.Tasks.Extensions"];

    [Theory]
    [InlineData("{{ system.text }}{{ tools | array.map 'name' | array.join ', ' }}{{ nope }}", "LLMP201")]
    [InlineData("{{ object.to_json tools }}{{ object.from_json '1' }}{{ tools | array.sort 'name' }}{{ model | string.upcas }}", "LLMP203")]
    [InlineData("{{ if model }}", "LLMP102")]
    [InlineData("{{ 'a' | object.eval }}{{ date.parse '2020-01-01' }}", "LLMP409")]
    public void Templates_are_parsed_and_checked_without_the_libraries_that_a_host_may_lack(string template, string expected)
    {
        var host = new Host();
        var checking = host.LoadFromAssemblyPath(Path.Combine(Host.Folder, "LlmProxy.Prompts.dll"));
        var file = Type("TemplateFile").GetMethod("Parse")!.Invoke(null, ["openai.sbn", template])!;
        var files = Array.CreateInstance(file.GetType(), 1);
        files.SetValue(file, 0);

        var found = (IEnumerable)Type("TemplateChecker").GetMethod("Check")!.Invoke(null, [files, null])!;

        Assert.Contains(found.Cast<object>(), one => one.ToString()!.Contains(expected, StringComparison.Ordinal));
        Assert.Equal(["LlmProxy.Prompts", "Scriban.Signed"], host.Assemblies.Select(assembly => assembly.GetName().Name).Order(StringComparer.Ordinal));
        Assert.Empty(host.Refused);

        Type Type(string name) => checking.GetType("LlmProxy.Prompts.Checking." + name, throwOnError: true)!;
    }

    private sealed class Host() : AssemblyLoadContext("compiler", isCollectible: true)
    {
        public static string Folder { get; } = FindFolder();

        /// <summary>What was asked for and is not there.</summary>
        public List<string> Refused { get; } = [];

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            if (Lacking.Contains(assemblyName.Name, StringComparer.Ordinal))
            {
                Refused.Add(assemblyName.Name!);
                throw new FileNotFoundException(assemblyName.FullName);
            }

            var path = Path.Combine(Folder, assemblyName.Name + ".dll");
            return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
        }

        private static string FindFolder()
        {
            var output = AppContext.BaseDirectory;
            var configuration = output.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
            while (!File.Exists(Path.Combine(output, "LlmProxy.sln")))
            {
                output = Path.GetDirectoryName(output) ?? throw new DirectoryNotFoundException("LlmProxy.sln");
            }

            return Path.Combine(output, "analyzers", "LlmProxy.Analyzers", "bin", configuration, "netstandard2.0");
        }
    }
}
