using LlmProxy.Wire.ContentEncoding;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Calls;

/// <summary>Reads a request in one pass and finds out which model, which client and which rules it is about.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class CallReader(ProviderResolver providers, TaskRulesCatalog catalog, CorrelationSecret secret, HistoryPrefixCache known)
{
    /// <summary>The request; null if it is no request of its dialect.</summary>
    public ReadRequest? Read(CallStart start, ReadOnlyMemory<byte> body)
    {
        var keys = new TurnKeys(secret.Value, known);
        try
        {
            if (BodyDecoder.DecodeAll(body, start.ContentEncoding) is not { IsEmpty: false } decoded || start.Dialect.ReadRequest(decoded, start.Path, keys) is not { } reading)
            {
                keys.Dispose();
                return null;
            }

            var prompt = new SystemPrompt(reading);
            var rules = start.Rules ?? catalog.Select(start.Header, prompt);
            return new ReadRequest(reading, keys, prompt, rules, providers.Resolve(reading.Model, start.Provider));
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }
}
