using System.Diagnostics.CodeAnalysis;

namespace LlmProxy.Prompts.Runtime;

/// <summary>A value that can be called.</summary>
[SuppressMessage("Design", "CA1040:Avoid empty interfaces", Justification = "Functions of templates and built-in ones share no more than being functions.")]
public interface IScriptFunction;
