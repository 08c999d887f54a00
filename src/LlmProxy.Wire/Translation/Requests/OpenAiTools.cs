using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>Tools and tool choices of OpenAI's two dialects; Chat Completions nests what Responses keeps flat.</summary>
internal static class OpenAiTools
{
    public static void Read(JsonElement tool, TranslationRequest request, string? holder = null)
    {
        var type = tool.Text("type"u8);
        switch (type)
        {
            case "function" or null:
                request.Tools.Add(Function(tool.Get("function"u8) is { ValueKind: JsonValueKind.Object } nested ? nested : tool) with { Namespace = holder });
                break;
            case "custom":
                var custom = tool.Get("custom"u8) is { ValueKind: JsonValueKind.Object } inner ? inner : tool;
                var format = custom.Get("format"u8);
                var grammar = format.Get("grammar"u8) is { ValueKind: JsonValueKind.Object } given ? given : format;
                request.Tools.Add(new OfferedTool(custom.Text("name"u8) ?? "", custom.Text("description"u8) ?? "")
                {
                    IsFreeText = true,
                    Namespace = holder,
                    Grammar = grammar.Text("definition"u8) is { } definition ? (grammar.Text("syntax"u8) ?? "lark", definition) : null,
                });
                break;
            case "namespace":
                foreach (var inside in tool.Get("tools"u8).Items())
                {
                    Read(inside, request, tool.Text("name"u8));
                }

                break;
            case "web_search" or "web_search_preview" or "web_search_2025_08_26" or "web_search_preview_2025_03_11":
                request.SearchesWeb = true;
                break;
            default:
                request.ForeignTools.Add(type);
                break;
        }
    }

    public static OfferedTool Function(JsonElement function) => new(function.Text("name"u8) ?? "", function.Text("description"u8) ?? "")
    {
        Schema = function.Get("parameters"u8),
        IsStrict = function.Flag("strict"u8),
    };

    public static void ReadChoice(JsonElement choice, TranslationRequest request)
    {
        if (choice.Text() is { } word)
        {
            request.Choice = word switch { "none" => ChoiceKind.None, "required" or "any" => ChoiceKind.Any, _ => ChoiceKind.Auto };
            return;
        }

        if (choice.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var type = choice.Text("type"u8);
        var allowed = choice.Get("allowed_tools"u8) is { ValueKind: JsonValueKind.Object } nested ? nested : choice;
        if (type == "allowed_tools")
        {
            request.Choice = allowed.Get("mode"u8).Is("required"u8) ? ChoiceKind.Any : ChoiceKind.Auto;
            request.AllowedTools = [.. allowed.Get("tools"u8).Items().Select(NameOf).OfType<string>()];
        }
        else if (type is "function" or "custom" or null && NameOf(choice) is { } name)
        {
            (request.Choice, request.ChosenTool) = (ChoiceKind.One, name);
        }
        else if (type is not null)
        {
            request.Refuse($"The request demands the tool '{RawJson.Clean(type)}', which the target's provider does not run. Set 'tool_choice' to \"auto\", or send the request to a cluster that has the tool.");
        }
    }

    private static string? NameOf(JsonElement tool) =>
        tool.Text("name"u8) ?? tool.Get("function"u8).Text("name"u8) ?? tool.Get("custom"u8).Text("name"u8);
}
