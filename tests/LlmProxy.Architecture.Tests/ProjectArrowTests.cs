using NetArchTest.Rules;

namespace LlmProxy.Architecture.Tests;

/// <summary>Which project may use which.</summary>
public sealed class ProjectArrowTests
{
    private const string Wire = "LlmProxy.Wire";
    private const string Prompts = "LlmProxy.Prompts";
    private const string Templates = "LlmProxy.Templates";
    private const string Core = "LlmProxy.Core";
    private const string Storage = "LlmProxy.Storage";
    private const string TrainingData = "LlmProxy.TrainingData";
    private const string Testing = "LlmProxy.Testing";
    private const string LocalEmbeddings = "LlmProxy.Embeddings.Local";

    private static readonly string[] Drivers = ["Npgsql", "Pgvector", "Microsoft.Data.Sqlite", "SQLitePCL"];
    private static readonly string[] AspNet = ["Microsoft.AspNetCore"];
    private static readonly string[] Yarp = ["Yarp"];

    /// <summary>What each project may use of the product; an arrow holds for what is behind it, too.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        [Wire] = [],
        [Prompts] = [],
        [Templates] = [],
        [Core] = [Wire, Prompts, Templates],
        [LocalEmbeddings] = [Core, Wire, Prompts, Templates],
        [Storage] = [Core, Wire, Prompts, Templates],
        [TrainingData] = [Core, Wire, Prompts, Templates],
        [Testing] = [Core, Wire, Prompts, Templates],
        [Projects.Server] = [Core, Wire, Prompts, Templates, Storage, TrainingData, Testing],
        [Projects.LocalServer] = [Core, Wire, Prompts, Templates, Storage, TrainingData, Testing, LocalEmbeddings, Projects.Server],
    };

    public static TheoryData<string> All => [.. Projects.All];

    public static TheoryData<string> WithoutServer => [.. Projects.All.Where(project => project is not (Projects.Server or Projects.LocalServer))];

    public static TheoryData<string> WithoutHttp => [.. Projects.All.Where(project => project is not (Projects.Server or Projects.LocalServer or Testing))];

    public static TheoryData<string> WithoutDatabase => [.. Projects.All.Where(project => project is not (Projects.Server or Storage))];

    [Fact]
    public void Every_project_is_looked_at()
    {
        Assert.Superset(new HashSet<string>([Wire, Core, Storage, TrainingData, Testing, LocalEmbeddings, Projects.Server, Projects.LocalServer], StringComparer.Ordinal), Projects.All.ToHashSet(StringComparer.Ordinal));
        Assert.All(Projects.All, project => Assert.Contains(project, Allowed.Keys));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_project_uses_only_the_projects_below_it(string project)
    {
        // The compiler names only the assemblies that the code uses.
        using var assembly = Projects.Read(project);
        Assert.Empty(assembly.MainModule.AssemblyReferences.Select(r => r.Name).Intersect(Projects.All, StringComparer.Ordinal).Except(Allowed[project], StringComparer.Ordinal));

        var others = Allowed.Keys.Except(Allowed[project], StringComparer.Ordinal).Where(other => other != project).Select(other => Projects.RootNamespace(other)).ToArray();
        AssertUsesNone(project, others);
    }

    [Theory]
    [MemberData(nameof(WithoutServer))]
    public void Only_the_server_knows_Yarp(string project) => AssertUsesNone(project, Yarp);

    [Theory]
    [MemberData(nameof(WithoutHttp))]
    public void Only_the_server_and_the_replay_server_know_ASP_NET(string project) => AssertUsesNone(project, AspNet);

    [Theory]
    [MemberData(nameof(WithoutDatabase))]
    public void Only_the_store_and_the_server_know_database_drivers(string project) => AssertUsesNone(project, Drivers);

    [Fact]
    public void Uses_inside_of_asynchronous_methods_and_lambdas_are_seen()
    {
        var result = Types.InAssembly(typeof(ProjectArrowTests).Assembly).That().HaveName(nameof(HiddenUses)).ShouldNot().HaveDependencyOnAny("System.Text.Json", "System.Xml").GetResult();

        Assert.False(result.IsSuccessful);
    }

    private static void AssertUsesNone(string project, string[] namespaces)
    {
        if (namespaces.Length == 0)
        {
            return;
        }

        // The one type that holds another project's name as text: the optional package is loaded by it. Its assembly is not referenced.
        var result = Types.InAssembly(Projects.Load(project)).That().DoNotHaveName("LocalEmbedderPackage").ShouldNot().HaveDependencyOnAny(namespaces).GetResult();
        Assert.True(result.IsSuccessful, $"{project} uses {string.Join(" or ", namespaces)} in: {string.Join(", ", result.FailingTypeNames ?? [])}");
    }

    internal static class HiddenUses
    {
        public static async Task<string> WriteAsync(int value)
        {
            await Task.Yield();
            return System.Text.Json.JsonSerializer.Serialize(value);
        }
    }
}
