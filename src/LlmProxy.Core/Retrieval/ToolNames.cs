using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <summary>Judges tools by their names: whether one only looks, and whether two names mean one tool.</summary>
internal static partial class ToolNames
{
    /// <summary>
    /// Names under which known agents offer the same ability: Claude Code's <c>Read</c> is Gemini CLI's
    /// <c>read_file</c>. A shell can do all of it, and Codex offers little else.
    /// </summary>
    private static readonly Dictionary<string, string> Abilities = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["shell"] = ["bash", "shell", "shellcommand", "localshell", "exec", "execcommand", "executecommand", "runcommand", "runshellcommand", "runterminalcmd", "terminal"],
        ["read"] = ["read", "readfile", "readmanyfiles", "view", "viewfile", "cat", "openfile"],
        ["edit"] = ["edit", "editfile", "multiedit", "replace", "applypatch", "patch", "strreplace", "strreplaceeditor", "strreplacebasededittool"],
        ["write"] = ["write", "writefile", "createfile"],
        ["grep"] = ["grep", "ripgrep", "rg", "searchfilecontent", "searchfiles"],
        ["glob"] = ["glob", "findfiles"],
        ["list"] = ["ls", "list", "listdir", "listdirectory", "listfiles"],
    }.SelectMany(ability => ability.Value.Select(name => (name, ability.Key))).ToDictionary(pair => pair.name, pair => pair.Key, StringComparer.Ordinal);

    /// <summary>What a request's tools can do: their keys, and abilities as marks that no key can be.</summary>
    public static HashSet<string> Offer(IEnumerable<string> names)
    {
        var offer = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in names.Select(Key))
        {
            offer.Add(key);
            if (Abilities.TryGetValue(key, out var ability))
            {
                offer.UnionWith(ability == "shell" ? Abilities.Values.Distinct(StringComparer.Ordinal).Select(Mark) : [Mark(ability)]);
            }
        }

        return offer;
    }

    /// <summary>Whether an <see cref="Offer"/> holds a tool, by name or by ability.</summary>
    public static bool Offers(HashSet<string> offer, string name)
    {
        var key = Key(name);
        return offer.Contains(key) || (Abilities.TryGetValue(key, out var ability) && offer.Contains(Mark(ability)));
    }

    /// <summary>Whether a tool is a shell, which both looks and changes.</summary>
    public static bool IsShell(string name) => Abilities.GetValueOrDefault(Key(name)) == "shell";

    private static string Mark(string ability) => "*" + ability;

    /// <summary>Whether a tool only observes or thinks, by its name. Such calls show the way less than those that change something.</summary>
    public static bool IsObservation(string name) => Observation().IsMatch(Plain(name));

    /// <summary>The name without the prefix of its MCP server, signs and case: <c>mcp__files__Read_File</c> and <c>readFile</c> are one tool.</summary>
    public static string Key(string name) => Plain(name).Replace("_", "", StringComparison.Ordinal);

    private static string Plain(string name)
    {
        var server = name.StartsWith("mcp__", StringComparison.Ordinal) ? name.LastIndexOf("__", StringComparison.Ordinal) : -1;
        return CaseChange().Replace(server < 0 ? name : name[(server + 2)..], "_").Replace('-', '_').Replace('.', '_').ToLowerInvariant();
    }

    [GeneratedRegex("""(?<=[a-z0-9])(?=[A-Z])""", RegexOptions.CultureInvariant, 250)]
    private static partial Regex CaseChange();

    [GeneratedRegex(
        """^(?:.*_)?(?:get|list|read|view|search|find|lookup|look_up|query|fetch|show|describe|check|inspect|observe|think|calculate|calculator|glob|grep|ls|cat|screenshot|screen_info|cursor_position|wait|sleep|move_mouse|detect_elements|todo|todos|todowrite|todo_write|todoread|web_search|websearch|webfetch)(?:_.*)?$""",
        RegexOptions.CultureInvariant, 250)]
    private static partial Regex Observation();
}
