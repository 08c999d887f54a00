namespace LlmProxy.Server;

/// <summary>The proxy's own headers.</summary>
internal static class ProxyHeaders
{
    public const string Prefix = "LlmProxy-";
    public const string Task = "LlmProxy-Task";
    public const string TaskDescription = "LlmProxy-Task-Description";
    public const string FewShot = "LlmProxy-Few-Shot";
    public const string Record = "LlmProxy-Record";
    public const string Key = "LlmProxy-Key";
    public const string Token = "LlmProxy-Token";
    public const string FewShotResult = "LlmProxy-Few-Shot-Result";
    public const string Examples = "LlmProxy-Examples";
    public const string Translated = "LlmProxy-Translated";

    /// <summary>Headers of requests that never reach an upstream.</summary>
    public static readonly string[] OfRequests = [Task, TaskDescription, FewShot, Record, Key, Token];
}
