namespace LlmProxy.Core.Configuration;

/// <summary>Values of <c>Recording:WebSockets</c>.</summary>
public enum WebSocketMode
{
    /// <summary>Recorded call by call, and prompts are rewritten.</summary>
    Record,
    /// <summary>Rejected with 426, after which clients fall back to HTTP.</summary>
    Refuse,
    /// <summary>Passed through unrecorded.</summary>
    Pass,
}

/// <summary>Values of <c>Auth:LocalToken</c>.</summary>
public enum LocalTokenScope
{
    /// <summary>Requests that change or delete what is stored.</summary>
    Changes,
    /// <summary>All requests under <c>/_llmproxy</c>.</summary>
    All,
}

/// <summary>Values of <c>Tasks:Boundary</c>.</summary>
public enum TaskBoundary
{
    /// <summary>A task ends with its conversation.</summary>
    Conversation,
    /// <summary>A task ends with each finished turn.</summary>
    Turn,
}

/// <summary>Values of <c>Tasks:IdleSuccess</c>.</summary>
public enum IdleSuccess
{
    /// <summary>A success if the last reply ended the turn cleanly.</summary>
    Clean,
    /// <summary>Never a success.</summary>
    Never,
}

/// <summary>Values of <c>FewShot:Scope</c>.</summary>
public enum ExampleScope
{
    /// <summary><c>project</c> for presets with rules for the project (the coding agents), else <c>tenant</c>.</summary>
    Auto,
    /// <summary>All of the tenant.</summary>
    Tenant,
    /// <summary>Those of the same working directory or repository, as the client states it; none if it states none.</summary>
    Project,
}

/// <summary>Values of <c>FewShot:ToolMatch</c>.</summary>
public enum ToolMatch
{
    /// <summary>Left out if none is offered; ranked after others if fewer than half are.</summary>
    Prefer,
    /// <summary>Left out unless all are offered.</summary>
    Require,
    /// <summary>The offered tools do not matter.</summary>
    Ignore,
}

/// <summary>Values of <c>Prompts:ApplyTo</c>.</summary>
public enum PromptScope
{
    /// <summary>Calls that offer tools and are no side call.</summary>
    Agents,
    /// <summary>All calls.</summary>
    All,
}

/// <summary>Values of <c>Embeddings:Provider</c>.</summary>
public enum EmbeddingProvider
{
    /// <summary>OpenAI if a key is set or in the environment, else lexical.</summary>
    Auto,
    /// <summary>OpenAI, or a server with the same API.</summary>
    OpenAi,
    /// <summary>Built in, offline.</summary>
    Lexical,
    /// <summary>A sentence encoder on this machine, offline: package LlmProxy.Embeddings.Local, program llmproxy-local.</summary>
    Local,
}

/// <summary>Values of <c>Storage:Provider</c>.</summary>
public enum StoreProvider
{
    /// <summary>SQLite.</summary>
    Sqlite,
    /// <summary>PostgreSQL with pgvector.</summary>
    Postgres,
}

/// <summary>Option words as settings, tables and JSON spell them.</summary>
public static class SettingWords
{
    /// <summary>The word of an option: its name in lower case.</summary>
    public static string Word(this Enum option) => option.ToString().ToLowerInvariant();
}
