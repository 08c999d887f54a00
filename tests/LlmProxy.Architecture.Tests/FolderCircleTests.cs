namespace LlmProxy.Architecture.Tests;

/// <summary>The folders of a project use each other in one direction alone.</summary>
public sealed class FolderCircleTests
{
    public static TheoryData<string> All => [.. Projects.All];

    [Theory]
    [MemberData(nameof(All))]
    public void Folders_of_a_project_form_no_circle(string project)
    {
        using var assembly = Projects.Read(project);
        var circles = new FolderGraph(assembly, Projects.RootNamespace(project)).Circles();

        Assert.True(circles.Count == 0, $"Circles between folders of {project}:\n{string.Join('\n', circles)}");
    }

    [Fact]
    public void The_folder_of_what_all_stores_share_uses_no_other()
    {
        using var assembly = Projects.Read("LlmProxy.Core");
        var graph = new FolderGraph(assembly, "LlmProxy.Core");

        Assert.True(graph.HasArrow("Recording", "Stores"));
        Assert.All(assembly.MainModule.Types.Select(t => t.Namespace).Where(n => n.StartsWith("LlmProxy.Core.", StringComparison.Ordinal)).Select(n => n.Split('.')[2]).Distinct(StringComparer.Ordinal), folder =>
            Assert.False(graph.HasArrow("Stores", folder), $"Stores uses {folder}"));
    }

    [Fact]
    public void Circles_are_found_in_signatures_method_bodies_lambdas_and_asynchronous_methods()
    {
        using var assembly = Mono.Cecil.AssemblyDefinition.ReadAssembly(typeof(FolderCircleTests).Assembly.Location);
        var graph = new FolderGraph(assembly, "LlmProxy.Architecture.Tests.Samples");

        Assert.Equal(
            [
                "One -> Two (First uses Second)",
                "Three -> One (Third uses First)",
                "Three -> Two (Third uses Second)",
                "Two -> Three (Second uses Third)",
            ],
            graph.Circles());
        Assert.True(graph.HasArrow("One", "Four"));
    }
}
