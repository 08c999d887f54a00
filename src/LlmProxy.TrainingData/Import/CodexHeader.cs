using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>What the head of a Codex rollout says of its thread.</summary>
internal sealed class CodexHeader(string fallbackId)
{
    // Threads that Codex starts for itself.
    private static readonly string[] SideThreads = ["compact", "memory_consolidation"];

    private readonly List<string> _instructions = [];
    private string? _id;
    private string? _root;
    private string? _base;
    private string? _system;
    private string? _project;
    private string _version = "";
    private string _provider = "openai";

    /// <summary>The thread's id.</summary>
    public string Id => _id ?? fallbackId;

    /// <summary>The thread whose turns a fork holds first; else its own id.</summary>
    public string Root => _root ?? Id;

    /// <summary>The thread that started it as a sub-agent, or null.</summary>
    public string? Parent { get; private set; }

    /// <summary>A sub-agent's name, or null.</summary>
    public string? AgentName { get; private set; }

    /// <summary>Whether Codex started it for itself.</summary>
    public bool IsSideThread { get; private set; }

    /// <summary>When it began.</summary>
    public DateTimeOffset At { get; private set; }

    /// <summary>The system prompt, with what was said in its name since; null if the file does not hold it.</summary>
    public string? System => _system ??= _base is null && _instructions.Count == 0 ? null : string.Join("\n\n", _instructions.Prepend(_base ?? "").Where(t => t.Length > 0));

    /// <summary>Tools that the file describes, or null.</summary>
    public ReadOnlyMemory<byte>? Tools { get; private set; }

    /// <summary>Takes a header. A fork's is followed by those of the threads that it comes from.</summary>
    public void Take(JsonElement meta)
    {
        if (_id is not null)
        {
            _root = meta.Text("id"u8) ?? _root;
            return;
        }

        var source = meta.Get("source"u8).Get("subagent"u8);
        var spawn = source.Get("thread_spawn"u8);
        _id = meta.Text("id"u8) ?? fallbackId;
        _root = meta.Text("forked_from_id"u8);
        Parent = spawn.Text("parent_thread_id"u8) ?? meta.Text("parent_thread_id"u8);
        AgentName = spawn.Text("agent_path"u8) ?? spawn.Text("agent_nickname"u8);
        IsSideThread = source.Text() is { } kind && SideThreads.Contains(kind, StringComparer.Ordinal);
        At = ImportedJson.Time(meta.Get("timestamp"u8)) ?? default;
        _project = ProjectPath.Normalize(meta.Text("cwd"u8));
        _version = meta.Text("cli_version"u8) ?? "";
        _provider = meta.Text("model_provider"u8) ?? "openai";
        _base = meta.Get("base_instructions"u8).Text("text"u8) ?? meta.Get("base_instructions"u8).Text() ?? meta.Text("instructions"u8);
        var tools = meta.Get("dynamic_tools"u8).Items().Where(t => t.Text("name"u8) is not null).ToList();
        if (tools.Count > 0)
        {
            Tools = StrictJson.Bytes(writer => WriteTools(writer, tools));
        }
    }

    /// <summary>Takes a message that belongs to the system prompt.</summary>
    public void AddInstructions(string text)
    {
        if (text.Length > 0 && !_instructions.Contains(text, StringComparer.Ordinal))
        {
            _instructions.Add(text);
            _system = null;
        }
    }

    /// <summary>Takes a message of the program: the oldest versions name the working directory only there.</summary>
    public void AddContext(string text) => _project ??= ProjectPath.Normalize(MarkedText.Of(text, "cwd"));

    /// <summary>A run of the thread.</summary>
    public ImportedTrajectory Start(string id, string model, string task, TaskRules rules) => new()
    {
        Id = id,
        TaskId = id,
        ConversationId = Id,
        SessionId = Id,
        // Another server's models can have any name.
        Provider = _provider is "openai" or "" || model.Length == 0 ? "openai" : ProviderResolver.Unknown,
        Dialect = DialectKind.OpenAiResponses,
        IsByProviders = true,
        Client = "codex" + (_version.Length > 0 ? "/" + _version : "") + ClaudeCodeTranscripts.ClientMark,
        Preset = rules.Name,
        TaskDescription = task,
        Project = _project,
    };

    private static void WriteTools(Utf8JsonWriter writer, List<JsonElement> tools)
    {
        writer.WriteStartArray();
        foreach (var tool in tools)
        {
            writer.WriteStartObject();
            writer.WriteString("type", "function");
            writer.WriteString("name", StrictJson.Clean(tool.Text("name"u8)));
            writer.WriteString("description", StrictJson.Clean(tool.Text("description"u8)));
            var schema = tool.Get("input_schema"u8).Exists() ? tool.Get("input_schema"u8) : tool.Get("inputSchema"u8);
            if (schema.Exists())
            {
                writer.WritePropertyName("parameters");
                StrictJson.Write(writer, schema);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
