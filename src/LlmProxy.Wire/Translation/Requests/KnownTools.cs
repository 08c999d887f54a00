using System.Text.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Tools that the client runs but whose definition the provider knows; other providers need it spelled out.</summary>
internal static class KnownTools
{
    private static readonly (string Type, string Description, JsonElement Schema)[] Tools =
    [
        ("bash_", "Runs a command in a persistent bash session.", Schema("""{"type":"object","properties":{"command":{"type":"string","description":"The command."},"restart":{"type":"boolean","description":"Restarts the session."}}}""")),
        ("text_editor_", "Views, creates and edits files.", Schema("""{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"]},"path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"}},"required":["command","path"]}""")),
        ("memory_", "Reads and writes files of a memory directory.", Schema("""{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string"},"old_path":{"type":"string"},"new_path":{"type":"string"},"view_range":{"type":"array","items":{"type":"integer"}},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"}},"required":["command"]}""")),
        ("computer_", "Controls a computer by mouse and keyboard and takes screenshots.", Schema("""{"type":"object","properties":{"action":{"type":"string","enum":["key","hold_key","type","cursor_position","mouse_move","left_mouse_down","left_mouse_up","left_click","left_click_drag","right_click","middle_click","double_click","triple_click","scroll","wait","screenshot","zoom"]},"coordinate":{"type":"array","items":{"type":"integer"}},"start_coordinate":{"type":"array","items":{"type":"integer"}},"region":{"type":"array","items":{"type":"integer"}},"text":{"type":"string"},"duration":{"type":"number"},"scroll_direction":{"type":"string","enum":["up","down","left","right"]},"scroll_amount":{"type":"integer"}},"required":["action"]}""")),
    ];

    /// <summary>The tool as a function, or null if its definition is not known.</summary>
    public static OfferedTool? Find(string type, string name)
    {
        foreach (var (prefix, description, schema) in Tools)
        {
            if (type.StartsWith(prefix, StringComparison.Ordinal))
            {
                return new OfferedTool(name.Length > 0 ? name : prefix.TrimEnd('_'), description) { Schema = schema };
            }
        }

        return null;
    }

    private static JsonElement Schema(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
