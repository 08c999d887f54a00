using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Server.Access;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>keys create</c>: creates a key and the entry for <c>Auth:Keys</c>.</summary>
internal static class KeysVerb
{
    public static Command Create(CliContext context)
    {
        var name = new Option<string>("--name") { Description = "Name of the key in logs", Required = true };
        var admin = new Option<bool>("--admin") { Description = "Allow access to /_llmproxy" };
        var json = CliContext.JsonOption();
        var create = new Command("create", "Create a key, and print it with its entry for Auth:Keys") { name, admin, json };
        create.SetAction(parse =>
        {
            var key = "llmp-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
            var entry = new JsonObject
            {
                ["name"] = parse.GetValue(name),
                ["tenant"] = parse.GetValue(context.Tenant) ?? Caller.DefaultTenant,
                ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key))),
                ["admin"] = parse.GetValue(admin),
            };
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject { ["key"] = key, ["entry"] = entry });
                return ExitCodes.Done;
            }

            context.Console.Line($"Key (not shown again): {key}");
            context.Console.Line();
            context.Console.Line("Entry for LlmProxy:Auth:Keys in proxy.json (holds only the hash of the key):");
            context.Console.Json(entry);
            return ExitCodes.Done;
        });
        return new Command("keys", "Manage the keys of this proxy") { create };
    }
}
