using LlmProxy.Core.Configuration;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing;

/// <summary>How a recorded run is replayed, and recorded anew.</summary>
public sealed class RecordedUpstreamOptions
{
    /// <summary>How exactly calls must be the recorded ones.</summary>
    /// <value>Strict.</value>
    public ReplayMode Mode { get; set; } = ReplayMode.Strict;

    /// <summary>Whether <see cref="RecordedUpstream.DisposeAsync"/> throws where calls had no recording or were not made.</summary>
    /// <value>Null: in strict mode.</value>
    public bool? VerifyOnDispose { get; set; }

    /// <summary>Whether responses come in their recorded rhythm (where the file has one) or as fast as possible.</summary>
    /// <value>False.</value>
    public bool KeepPauses { get; set; }

    /// <summary>Whether a new file is recorded.</summary>
    /// <value>Null: when the environment variable <c>LLMPROXY_RECORD</c> is 1, true, yes or on.</value>
    public bool? Record { get; set; }

    /// <summary>What the file calls the run when it is recorded.</summary>
    /// <value>Null: the file's name.</value>
    public string? Task { get; set; }

    /// <summary>Where calls to <see cref="RecordedUpstream.AnthropicBaseUrl"/> go while recording.</summary>
    /// <value><c>https://api.anthropic.com</c></value>
    public Uri AnthropicUpstream { get; set; } = new("https://api.anthropic.com");

    /// <summary>Where calls to <see cref="RecordedUpstream.OpenAiBaseUrl"/> go while recording; any server that speaks OpenAI's dialects.</summary>
    /// <value><c>https://api.openai.com/v1</c></value>
    public Uri OpenAiUpstream { get; set; } = new("https://api.openai.com/v1");

    /// <summary>Where calls to <see cref="RecordedUpstream.GeminiBaseUrl"/> go while recording.</summary>
    /// <value><c>https://generativelanguage.googleapis.com</c></value>
    public Uri GeminiUpstream { get; set; } = new("https://generativelanguage.googleapis.com");

    /// <summary>What is removed from a new file besides keys and account ids: regular expressions, .NET syntax.</summary>
    public IList<string> Scrub { get; } = [];

    /// <summary>The clock of the pauses.</summary>
    /// <value>The system's.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal bool IsRecording => Record ?? Environment.GetEnvironmentVariable("LLMPROXY_RECORD")?.Trim().ToLowerInvariant() is "1" or "true" or "yes" or "on";

    internal RedactionOptions Redaction => new() { Enabled = true, Patterns = [.. AccountIds.Patterns, .. Scrub] };
}

/// <summary>Ids of the account that made a recording.</summary>
internal static class AccountIds
{
    /// <summary>Organisations and projects of OpenAI, users and accounts of Claude Code, accounts in AWS resource names, projects of Google Cloud.</summary>
    public static IReadOnlyList<string> Patterns { get; } =
    [
        @"\b(?:org|proj|user|acct|wrkspc)[-_][A-Za-z0-9]{16,}\b",
        @"\buser_[0-9a-f]{32,}(?:_account_[0-9a-f-]*)?(?:_session_[0-9a-f-]*)?",
        @"(?<=\barn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:)\d{12}\b",
        @"(?<=\bprojects/)(?!-)[a-z][a-z0-9-]{4,28}[a-z0-9](?=/locations/)",
        @"(?<=\bprojects/)\d{6,}",
    ];
}
