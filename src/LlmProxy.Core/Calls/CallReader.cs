using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Wire.ContentEncoding;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Calls;

/// <summary>Reads a request in one pass and finds out which model, which client and which rules it is about.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class CallReader(ProviderResolver providers, TaskRulesCatalog catalog, CorrelationSecret secret, HistoryPrefixCache known, BufferBudget budget, LlmProxyOptions options)
{
    /// <summary>Reads a request.</summary>
    /// <param name="start">The call.</param>
    /// <param name="body">The request's body as it was sent.</param>
    /// <returns>The request, or why it is not read.</returns>
    public (ReadRequest? Request, NotRecordedReason Reason) Read(CallStart start, ReadOnlyMemory<byte> body)
    {
        long reserved = 0;
        ReadRequest? request = null;
        var keys = new TurnKeys(secret.Value, known);
        try
        {
            var decoded = body;
            if (start.ContentEncoding.Length > 0 && Decode(start.ContentEncoding, ref decoded, ref reserved) is { } reason)
            {
                return (null, reason);
            }

            if (decoded.IsEmpty || start.Dialect.ReadRequest(decoded, start.Path, keys) is not { } reading)
            {
                return (null, NotRecordedReason.UnreadableRequest);
            }

            if (reading.IsTooLarge)
            {
                return (null, NotRecordedReason.TooLarge);
            }

            if (start.Continues is { } continues && continues.Id != reading.PreviousResponseId)
            {
                reading = reading.Continuing(continues.Id);
            }

            var prompt = new SystemPrompt(reading);
            var rules = start.Rules ?? catalog.Select(start.Header, prompt);
            request = new ReadRequest(reading, keys, prompt, rules, providers.Resolve(reading.Model, start.Provider), reserved);
            return (request, default);
        }
        finally
        {
            if (request is null)
            {
                keys.Dispose();
                budget.Return(reserved);
            }
        }
    }

    /// <summary>Decodes a body; returns why that failed, or null.</summary>
    private NotRecordedReason? Decode(string contentEncoding, ref ReadOnlyMemory<byte> body, ref long reserved)
    {
        long taken = 0;
        try
        {
            return BodyDecoder.TryDecodeAll(body, contentEncoding, options.Recording.MaxBodyBytes, TryReserve, out body) switch
            {
                DecodeResult.UnknownEncoding => NotRecordedReason.UnknownEncoding,
                DecodeResult.TooLarge => NotRecordedReason.TooLarge,
                DecodeResult.Broken => NotRecordedReason.UnreadableRequest,
                _ => null,
            };
        }
        finally
        {
            reserved = taken;
        }

        bool TryReserve(int bytes)
        {
            if (!budget.TryTake(bytes))
            {
                return false;
            }

            taken += bytes;
            return true;
        }
    }
}
