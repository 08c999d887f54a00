using System.Text.Json.Serialization;
using LlmProxy.Core.Judging;

namespace LlmProxy.Storage.Sql;

/// <summary>The lists of a judgement as columns of type text.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(IReadOnlyList<StoredAnswer>))]
[JsonSerializable(typeof(IReadOnlyList<ComparedPeer>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
internal sealed partial class JudgementJson : JsonSerializerContext;
