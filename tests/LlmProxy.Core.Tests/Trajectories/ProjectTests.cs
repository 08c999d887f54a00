using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Recording;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories;

/// <summary>The project that coding agents state.</summary>
public sealed class ProjectTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Theory]
    [InlineData("claude-code", "You are Claude Code.\\n<env>\\nWorking directory: /home/ann/shop\\nIs directory a git repo: Yes\\n</env>", "go", "/home/ann/shop")]
    [InlineData("claude-code", "# Environment\\n - Primary working directory: /home/ann/shop/\\n  - Is a git repository: true", "go", "/home/ann/shop")]
    [InlineData("claude-code", "# Environment\\n - Primary working directory: /home/ann/shop/.claude/worktrees/fix-1\\n - This is a git worktree", "go", "/home/ann/shop")]
    [InlineData("claude-code", "<env>\\r\\nWorking directory: C:\\\\Work\\\\shop\\r\\nPlatform: win32\\r\\n</env>", "go", "c:/Work/shop")]
    [InlineData("claude-code", "You are Claude Code, nothing more.", "<env>\\nWorking directory: /srv/app\\n</env>", "/srv/app")]
    [InlineData("codex", "You are Codex.", "<environment_context>\\n  <cwd>/repo</cwd>\\n  <shell>bash</shell>\\n</environment_context>", "/repo")]
    [InlineData("codex", "You are Codex.", "# AGENTS.md instructions for /repo\\n\\n<INSTRUCTIONS>\\nBe good.\\n</INSTRUCTIONS>", "/repo")]
    [InlineData("opencode", "You are opencode.\\n<env>\\n  Working directory: /repo/packages/web\\n  Workspace root folder: /repo\\n  Is directory a git repo: yes\\n</env>", "go", "/repo")]
    [InlineData("opencode", "You are opencode.\\n<env>\\n  Working directory: /scratch\\n  Workspace root folder: /\\n  Is directory a git repo: no\\n</env>", "go", "/scratch")]
    [InlineData("gemini-cli", "You are Gemini CLI.", "This is the Gemini CLI. We are setting up the context for our chat.\\nI'm currently working in the directory: /repo\\nHere is the folder structure", "/repo")]
    [InlineData("gemini-cli", "You are Gemini CLI.", "I'm currently working in the following directories:\\n  - /repo\\n  - /lib", "/repo")]
    [InlineData("gemini-cli", "You are Gemini CLI.", "<session_context>\\n- **Workspace Directories:**\\n  - /repo\\n</session_context>", "/repo")]
    [InlineData("codex", "You are Codex.", "go", null)]
    [InlineData("generic", "Working directory: /repo", "<cwd>/repo</cwd>", null)]
    [InlineData("claude-code", "Working directory: ", "go", null)]
    public async Task A_trajectory_has_the_project_that_its_client_states(string preset, string system, string user, string? project)
    {
        var call = new WireCall(Request(User(user) + "," + User("Fix the bug"), system: system)) { Preset = preset, Answer = Says("It is fixed, as you wanted.") };
        var task = (await _lab.SendAsync(call)).Task!.TaskId;
        await _lab.SettleAsync();

        Assert.Equal(project, (await _lab.RunAsync(task)).Project);
    }

    [Fact]
    public async Task Later_turns_and_sub_agents_have_the_project_of_their_conversation()
    {
        const string System = "<env>\\nWorking directory: /repo\\n</env>";
        var first = await _lab.SendAsync(new WireCall(Request(User("Fix it"), system: System)) { Preset = "claude-code", Answer = Says("It is fixed, as you wanted.") });

        // The client moved into a subfolder: the conversation is about the same project.
        var turn = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("Fix it"), Assistant("It is fixed, as you wanted."), User("and test it")), system: "<env>\\nWorking directory: /repo/sub\\n</env>"))
        {
            Preset = "claude-code",
            Answer = Calls("toolu_1", tool: "Task"),
            Session = "s",
        });
        var agent = await _lab.SendAsync(new WireCall(Request(User("Look around"), system: "You are an agent for searching.")) { Preset = "claude-code", Session = "s", Answer = Says("There is nothing to see here.") });
        await _lab.SettleAsync();

        Assert.NotEqual(first.Task!.TaskId, turn.Task!.TaskId);
        Assert.Equal(first.Task.ConversationId, turn.Task.ConversationId);
        Assert.NotEqual(turn.Task.TaskId, agent.Task!.TaskId);
        Assert.Equal(("/repo", "/repo", "/repo"), (await Of(first), await Of(turn), await Of(agent)));

        async Task<string?> Of(TaskAssignment place) => (await _lab.RunAsync(place.Task!.TaskId)).Project;
    }

    [Fact]
    public async Task A_secret_in_the_path_is_redacted_everywhere()
    {
        var secret = "sk-" + "ant-api03-AbCdEf0123456789AbCdEf";
        var task = (await _lab.SendAsync(new WireCall(Request(User("Fix it"), system: $"<env>\\nWorking directory: /src/{secret}/app\\n</env>")) { Preset = "claude-code", Answer = Says("It is fixed, as you wanted.") })).Task!;
        await _lab.SettleAsync();

        var project = (await _lab.RunAsync(task.TaskId)).Project!;
        Assert.StartsWith("/src/", project, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, project, StringComparison.Ordinal);
        Assert.Equal(project, task.Project);
    }

    [Fact]
    public async Task After_a_restart_a_later_turn_still_has_the_project()
    {
        var first = await _lab.SendAsync(new WireCall(Request(User("Fix it"), system: "<env>\\nWorking directory: /repo\\n</env>")) { Preset = "claude-code", Answer = Says("It is fixed, as you wanted.") });
        await _lab.SettleAsync();
        await _lab.RestartAsync(kill: false);
        var turn = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("Fix it"), Assistant("It is fixed, as you wanted."), User("and test it")))) { Preset = "claude-code", Answer = Says("It is tested, as you wanted.") });
        await _lab.SettleAsync();

        Assert.Equal(first.Task!.ConversationId, turn.Task!.ConversationId);
        Assert.Equal("/repo", (await _lab.RunAsync(turn.Task.TaskId)).Project);
    }

    [Theory]
    [InlineData(" \"/repo/\" ", "/repo")]
    [InlineData("`/repo`", "/repo")]
    [InlineData(@"D:\Shop\", "d:/Shop")]
    [InlineData(@"D:\Shop\.claude\worktrees\x", "d:/Shop")]
    [InlineData(@"\\host\share", "//host/share")]
    [InlineData(@"/odd\name", @"/odd\name")]
    [InlineData("~/shop", "~/shop")]
    [InlineData("/", null)]
    [InlineData(@"C:\", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void Paths_have_one_spelling(string? path, string? project) => Assert.Equal(project, ProjectPath.Normalize(path));

    [Fact]
    public void A_text_that_is_too_long_is_no_path() => Assert.Null(ProjectPath.Normalize("/" + new string('a', ProjectPath.MaxLength)));

    [Fact]
    public void Presets_state_a_project_by_their_own_rules_alone()
    {
        string[] agents = ["claude-code", "codex", "gemini-cli", "opencode"];

        Assert.All(agents, name => Assert.True(_lab.Catalog.Get(name).StatesProject));
        Assert.All(["generic", "bytebot"], name => Assert.False(_lab.Catalog.Get(name).StatesProject));
        Assert.True(new TaskRules("own", new TaskPreset { ProjectUser = ["^dir (?<project>.+)"] }, null).StatesProject);
    }
}
