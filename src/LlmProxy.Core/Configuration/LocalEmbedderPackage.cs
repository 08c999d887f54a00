using System.Diagnostics.CodeAnalysis;

namespace LlmProxy.Core.Configuration;

/// <summary>The package LlmProxy.Embeddings.Local: whether it is there, and how it is added.</summary>
internal static class LocalEmbedderPackage
{
    /// <summary>How to add the package, for an error message.</summary>
    public const string HowToAdd = "run \"dotnet add package LlmProxy.Embeddings.Local\" in an application, or \"dotnet tool uninstall -g llmproxy && dotnet tool install -g llmproxy-local\" for the installed program; or write auto or lexical here.";

    private const string TypeName = "LlmProxy.Embeddings.Local.LocalEmbedder, LlmProxy.Embeddings.Local";

    /// <summary>Whether the package is there.</summary>
    public static bool IsInstalled => Find() is not null;

    /// <summary>The embedder's type; null without the package.</summary>
    [return: DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)]
    public static Type? Find() => Type.GetType(TypeName, throwOnError: false);
}
