using System.Reflection;
using Mono.Cecil;

namespace LlmProxy.Architecture.Tests;

/// <summary>The product's assemblies, as they are beside this test.</summary>
internal static class Projects
{
    public const string Server = "llmproxy";
    public const string LocalServer = "llmproxy-local";

    /// <summary>Names of all assemblies of the product.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        .. Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Select(file => Path.GetFileNameWithoutExtension(file)!)
            .Where(name => name is Server or LocalServer || name.StartsWith("LlmProxy.", StringComparison.Ordinal) && !name.EndsWith(".Tests", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    public static Assembly Load(string project) => Assembly.LoadFrom(PathOf(project));

    public static AssemblyDefinition Read(string project) => AssemblyDefinition.ReadAssembly(PathOf(project));

    /// <summary>The namespace that the folders of a project are parts of.</summary>
    public static string RootNamespace(string project) => project switch { Server => "LlmProxy.Server", LocalServer => "LlmProxy.Server.Local", _ => project };

    private static string PathOf(string project) => Path.Combine(AppContext.BaseDirectory, project + ".dll");
}
