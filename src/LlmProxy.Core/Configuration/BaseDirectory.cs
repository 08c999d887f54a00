namespace LlmProxy.Core.Configuration;

/// <summary>The folder that relative paths of the settings are resolved against: that of <c>proxy.json</c>.</summary>
/// <param name="Path">An absolute path.</param>
public sealed record BaseDirectory(string Path);
