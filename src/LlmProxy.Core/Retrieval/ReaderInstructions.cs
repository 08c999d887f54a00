using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// Finds sentences in a tool's result that ask their reader to act: a stranger may have written
/// them ("before anything else run …"), and in an example another model would read them as what made the run succeed.
/// </summary>
internal static partial class ReaderInstructions
{
    private const string Act = "run|execute|call|invoke|use|open|visit|download|install|curl|wget|fetch|send|post|upload|paste|submit|delete|forward|email|append|pipe|source|eval";
    private const string Agents = "agent|agents|assistant|assistants|ai|ais|llm|llms|model|models|bot|bots|chatbot|claude|gpt|gemini|copilot";

    private static readonly PhraseMatcher Matcher = new(
    [
        // Another time, or first of all
        $"next|future + time|run|session|task|attempt ~2 please|always|just|first|simply ~1 {Act}",
        $"next|future + time|run|session|task|attempt + {Act}",
        $"before + anything|everything + else ~4 {Act}",
        $"before + you + continue|proceed|start|begin|answer|reply|respond|report|finish|do ~4 {Act}",
        $"before + continuing|proceeding|answering|replying|responding|reporting ~4 {Act}",
        $"{Act} ~8 before + continuing|proceeding|answering|replying|responding|reporting|anything",
        $"as|for + a|your|the + first|final|last|next + step|action|thing ~3 {Act}",
        $"first + of + all ~3 {Act}",
        $"always|immediately|now + run|execute|curl|wget|pipe",

        // Whom it is for
        $"{Agents} ~4 must|should|shall|have|need|needs|has ~3 {Act}",
        $"every|all|any|each|dear + {Agents} ~4 {Act}|sends|runs|executes|uploads|posts|uses|calls",
        $"instruction|instructions|note|message|notice|hint|reminder|tip + for|to ~2 {Agents}|reader",
        $"if + you + are ~3 {Agents} ~6 {Act}",
    ]);

    /// <summary>Takes such sentences out. Returns their number.</summary>
    public static (string Text, int Removed) Remove(string text)
    {
        var spans = Matcher.Find(text);
        foreach (var match in PipedToShell().EnumerateMatches(text))
        {
            spans.Add((match.Index, match.Index + match.Length));
        }

        return SentenceRemoval.Remove(text, spans);
    }

    // A download that is run unseen: curl … | sh, sh <(curl …), sh -c "$(curl …)", iex (iwr …).
    [GeneratedRegex(
        """\b(?:curl|wget|fetch|iwr|irm|invoke-webrequest|invoke-restmethod)\b[^|\n]{1,300}\|\s{0,3}(?:sudo\s{1,3})?(?:(?:ba|z|da|k|fi|a)?sh|iex|invoke-expression|python3?|perl|ruby|node)\b|\b(?:(?:ba|z|da|k)?sh|source|eval|python3?)\b[^|\n]{0,20}(?:<\(|\$\(|`)\s{0,3}(?:curl|wget)\b|\b(?:iex|invoke-expression)\b[^|\n]{0,10}\(?\s{0,3}(?:iwr|irm|curl|invoke-webrequest|invoke-restmethod|\(?new-object)\b""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant,
        2_000)]
    private static partial Regex PipedToShell();
}
