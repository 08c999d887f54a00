namespace LlmProxy.Tests.Recording;

/// <summary>Bodies of Anthropic's Messages API, as clients and the provider write them.</summary>
internal static class Claude
{
    public const string Tools = """[{"name":"read_file","description":"Reads a file","input_schema":{"type":"object","properties":{"path":{"type":"string"}}}}]""";

    public static string Request(string messages, string? tools = Tools, string system = "You are an agent.") =>
        $$$"""{"model":"claude-sonnet-4","max_tokens":1024,"system":"{{{system}}}",{{{(tools is null ? "" : $"\"tools\":{tools},")}}}"messages":[{{{messages}}}]}""";

    public static string User(string text) => $$$"""{"role":"user","content":"{{{text}}}"}""";

    public static string Assistant(string text) => $$$"""{"role":"assistant","content":[{"type":"text","text":"{{{text}}}"}]}""";

    public static string Call(string id, string text = "I read the file.", string path = "a.txt", string tool = "read_file") =>
        $$$"""{"role":"assistant","content":[{"type":"text","text":"{{{text}}}"},{"type":"tool_use","id":"{{{id}}}","name":"{{{tool}}}","input":{"path":"{{{path}}}"}}]}""";

    public static string Result(string id, string text = "hello", bool isError = false) =>
        $$$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{{id}}}","content":"{{{text}}}"{{{(isError ? ",\"is_error\":true" : "")}}}}]}""";

    public static string Says(string text, string id = "msg_end") =>
        $$$"""{"id":"{{{id}}}","type":"message","role":"assistant","model":"claude-sonnet-4","content":[{"type":"text","text":"{{{text}}}"}],"stop_reason":"end_turn","usage":{"input_tokens":100,"output_tokens":10}}""";

    public static string Calls(string id, string text = "I read the file.", string path = "a.txt", string tool = "read_file") =>
        $$$"""{"id":"msg_{{{id}}}","type":"message","role":"assistant","model":"claude-sonnet-4","content":[{"type":"text","text":"{{{text}}}"},{"type":"tool_use","id":"{{{id}}}","name":"{{{tool}}}","input":{"path":"{{{path}}}"}}],"stop_reason":"tool_use","usage":{"input_tokens":100,"output_tokens":10}}""";

    public static string SetsStatus(string id, string status) =>
        $$$"""{"id":"msg_{{{id}}}","type":"message","role":"assistant","model":"claude-sonnet-4","content":[{"type":"tool_use","id":"{{{id}}}","name":"set_task_status","input":{"status":"{{{status}}}","description":"that is all"}}],"stop_reason":"tool_use","usage":{"input_tokens":100,"output_tokens":10}}""";

    public static string Error(string type, string message) => $$$"""{"type":"error","error":{"type":"{{{type}}}","message":"{{{message}}}"}}""";

    /// <summary>The two calls of a run that reads a file and says what is in it.</summary>
    public static (WireCall First, WireCall Second) TwoSteps(string task = "Read a.txt for me", string id = "toolu_1", string last = "It says hello, that is all.") => (
        new WireCall(Request(User(task))) { Answer = Calls(id) },
        new WireCall(Request(string.Join(',', User(task), Call(id), Result(id)))) { Answer = Says(last) });
}
