using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace LlmProxy.Server.Dashboard;

/// <summary>The style and the script of the pages, which the program contains.</summary>
internal static class DashboardAssets
{
    private static readonly Dictionary<string, (byte[] Bytes, string Type, EntityTagHeaderValue Tag)> Files = new(StringComparer.Ordinal)
    {
        ["dashboard.css"] = Read("dashboard.css", "text/css; charset=utf-8"),
        ["dashboard.js"] = Read("dashboard.js", "text/javascript; charset=utf-8"),
        ["favicon.svg"] = Read("favicon.svg", "image/svg+xml"),
    };

    /// <summary>Address of a file; it changes with the file.</summary>
    public static string Address(string name) => $"{DashboardEndpoints.Prefix}/assets/{name}?v={Files[name].Tag.Tag.Value!.Trim('"')}";

    /// <summary>A file, with its entity tag.</summary>
    public static IResult Send(HttpContext context, string name)
    {
        if (!Files.TryGetValue(name, out var file))
        {
            return TypedResults.NotFound();
        }

        context.Response.Headers.CacheControl = "private, max-age=86400";
        return TypedResults.Bytes(file.Bytes, file.Type, entityTag: file.Tag);
    }

    private static (byte[] Bytes, string Type, EntityTagHeaderValue Tag) Read(string name, string type)
    {
        using var stream = typeof(DashboardAssets).Assembly.GetManifestResourceStream("dashboard/" + name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return (bytes, type, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\""));
    }
}
