using System.Text;
using System.Text.Json;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

/// <summary>One recorded exchange of ../shared/data, with what an independent assembler made of it.</summary>
internal sealed record Recording(
    string Id,
    DialectKind Kind,
    string Path,
    int Status,
    byte[]? Request,
    string Response,
    bool StreamRequested,
    string Cassette,
    int Sequence,
    bool IsMultiStep,
    JsonElement Derived)
{
    private static readonly Lazy<List<Recording>> Loaded = new(Load);

    public static List<Recording> All => Loaded.Value;

    public IDialect Dialect => DialectCatalog.Get(Kind);

    private static List<Recording> Load()
    {
        var all = new List<Recording>();
        foreach (var file in Directory.GetFiles(Path_("data"), "exchanges-*.jsonl.gz").Order(StringComparer.Ordinal))
        {
            foreach (var document in SharedData.ReadJsonLines(System.IO.Path.GetFileName(file)))
            {
                using (document)
                {
                    var root = document.RootElement;
                    if (DialectCatalog.Find(root.GetProperty("api").GetString()) is not { Kind: var kind } || root.GetProperty("response_body").ValueKind != JsonValueKind.String)
                    {
                        continue;
                    }

                    var request = root.GetProperty("request_body");
                    all.Add(new Recording(
                        root.GetProperty("id").GetString()!,
                        kind,
                        root.GetProperty("path").GetString()!,
                        root.GetProperty("status").GetInt32(),
                        request.ValueKind == JsonValueKind.Object ? Encoding.UTF8.GetBytes(request.GetRawText()) : null,
                        root.GetProperty("response_body").GetString()!,
                        root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True,
                        root.GetProperty("cassette").GetString()!,
                        root.GetProperty("seq").GetInt32(),
                        root.TryGetProperty("multi_step", out var multi) && multi.ValueKind == JsonValueKind.True,
                        root.GetProperty("derived").Clone()));
                }
            }
        }

        return all;
    }

    private static string Path_(string folder) => System.IO.Path.Combine(SharedData.Root!, folder);
}
