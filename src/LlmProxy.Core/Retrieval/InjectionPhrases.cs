using System.Buffers;
using System.Collections.Frozen;
using System.Text;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// Finds phrases that address a model in recorded text ("ignore all previous instructions") by their words: a phrase is
/// a few sets of words, each within some words of the one before. That takes linear time whatever the text, and sees
/// through emphasis, case and line ends, which regular expressions of this size do not do together.
/// </summary>
internal static class InjectionPhrases
{
    // Words that are further apart belong to different cells or lines.
    private const int MaxSigns = 8;

    // "a|b ~3 c|d": one of a, b, then within at most 3 words in between one of c, d. "+" allows none in between.
    private static readonly string[] Phrases =
    [
        // Taking the agent's own words back
        "ignore|ignoring|disregard|disregarding|forget|overlook|bypass|override|overrule|drop ~5 previous|prior|preceding|above|earlier|existing|former|foregoing|your|system|all|any|these|those|initial|original ~3 instruction|instructions|prompt|prompts|rule|rules|direction|directions|directive|directives|guideline|guidelines|command|commands|constraint|constraints|guardrails|policy|policies|messages|training",
        "ignore|disregard|forget ~3 instructions|guidelines|prompt|prompts ~2 above|before|given|previously",
        "ignore|disregard|forget + everything|anything|all|what ~4 above|said|told|earlier|previously|prior|preceding|before",
        "not|don't|dont|never|stop + follow|following|obey|obeying ~3 previous|prior|above|earlier|your|system|original|these|those ~2 instructions|rules|prompt|guidelines",
        "your|the|all|previous ~1 instructions|rules|guidelines|restrictions|guardrails ~1 are|is|have|been|were + been|now|void|null|cancelled|canceled|lifted|suspended|disabled|replaced|revoked|obsolete ~0 void|null|cancelled|canceled|lifted|suspended|disabled|replaced|revoked|obsolete|removed|updated",
        "your|the|all|previous ~1 instructions|rules|guidelines|restrictions|guardrails + are|is|were + void|null|cancelled|canceled|lifted|suspended|disabled|replaced|revoked|obsolete",

        // Giving new ones
        "new|updated|revised|real|actual|secret|hidden|true + instruction|instructions|directive|directives|objective|orders : ",
        "new|updated|revised|secret|hidden|real|actual + system + prompt|instructions|message",
        "your + new|real|actual|true + instructions|task|goal|objective|job|orders + is|are",
        "from + now + on ~1 you|always|never|respond|answer|only|ignore|obey",
        "you|agent|assistant|model + must|should|shall|will + now|immediately|instead|always ~1 obey|comply|execute|run|call|transfer|send|ignore|act",
        "you|agent|assistant|model + must|should|shall|will + obey|comply",
        "system|admin|administrator|developer|root + override|overrule",
        "this|following + is|are ~2 system|administrator|admin|operator|developer + message|override|command|instruction|instructions|notice|prompt",
        "begin|start|end + of ~2 system + prompt|message|instructions",
        "begin|start|here|following ~2 your|new|real + system + prompt|message|instructions",
        "begin|start|end ~2 recorded + run|runs|example|examples",

        // Another role
        "you + are + now + a|an|my|the|acting|operating|dan|free|unrestricted",
        "you + are + now + in ~2 mode",
        "you + are + no + longer",
        "pretend|imagine|roleplay ~2 you|be ~6 no|without|unrestricted|unbound|any|never ~2 restriction|restrictions|rules|limits|limitations|filters|ethics|guidelines|policy|policies",
        "enable|enter|activate|switch|in ~3 developer|debug|god|jailbreak|dan|root|unrestricted + mode",
        "do + anything + now",
        "jailbreak|jailbroken",
        "prompt + injection",

        // Getting things out
        "reveal|print|show|output|repeat|leak|disclose|expose|dump ~4 system|initial|hidden|original|secret|your + prompt|instructions|rules",
        "tell|what's|what ~4 system|initial|hidden|secret + prompt|instructions",
        "not|don't|dont|never|without + tell|telling|inform|informing|mention|mentioning|reveal|revealing|alert|alerting|notify|notifying|show|showing ~4 user|users|human|humans|operator|operators|owner|owners|anyone|anybody",
        "send|post|upload|exfiltrate|forward|transmit|email|mail|leak ~6 credentials|credential|password|passwords|secrets|cookies|tokens|keys ~6 to|at|via|http|https",

        // Addressing the reader
        "attention|important|urgent|note ~2 ai|llm|gpt|claude|gemini|chatbot|assistant|agents : ",
        "ai|llm|model|models|assistant|assistants|agent|agents|chatbot + reading|processing|parsing|seeing|viewing + this",
        "if + you + are ~2 ai|llm|chatbot|assistant|language",

        // The same in other languages
        "ignoriere|ignorieren|vergiss|missachte|missachten ~3 anweisung|anweisungen|instruktionen|regeln|vorgaben",
        "ignorez|ignore|oubliez|oublie ~3 instructions|consignes|règles",
        "ignora|ignore|olvida|olvide|dimentica ~4 instrucciones|istruzioni|instruções|reglas|regole|indicaciones",
    ];

    private static readonly FrozenSet<string> NoWords = new[] { "" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    private static readonly FrozenDictionary<string, Element[][]> ByFirstWord = Compile();
    private static readonly FrozenDictionary<string, Element[][]>.AlternateLookup<ReadOnlySpan<char>> FirstWords = ByFirstWord.GetAlternateLookup<ReadOnlySpan<char>>();
    private static readonly SearchValues<string> Unspaced = SearchValues.Create(["忽略", "无视", "忘记", "忽視", "無視", "忘れ"], StringComparison.Ordinal);
    private static readonly SearchValues<string> UnspacedObjects = SearchValues.Create(["指令", "指示", "提示", "规则", "規則", "命令", "プロンプト"], StringComparison.Ordinal);

    /// <summary>Takes the sentences out that hold such a phrase. Returns their number.</summary>
    public static (string Text, int Removed) Remove(string text)
    {
        var spans = Find(text);
        if (spans.Count == 0)
        {
            return (text, 0);
        }

        var result = new StringBuilder(text.Length);
        var (position, removed) = (0, 0);
        foreach (var (start, end) in spans)
        {
            if (start < position && end <= position)
            {
                continue;
            }

            var from = Math.Max(position, SentenceStart(text, start));
            result.Append(text, position, from - position);
            position = Math.Max(position, SentenceEnd(text, end));
            removed++;
        }

        result.Append(text, position, text.Length - position);
        return (result.ToString(), removed);
    }

    private static List<(int Start, int End)> Find(string text)
    {
        text = text.Replace('’', '\'');
        var words = new List<(int Start, int End)>(text.Length / 5);
        for (var i = 0; i < text.Length; i++)
        {
            var start = i;
            while (i < text.Length && (char.IsLetterOrDigit(text[i]) || (text[i] is '\'' && i > start && i + 1 < text.Length && char.IsLetter(text[i + 1]))))
            {
                i++;
            }

            if (i > start)
            {
                words.Add((start, i));
            }
        }

        var spans = new List<(int, int)>();
        for (var w = 0; w < words.Count; w++)
        {
            if (FirstWords.TryGetValue(Word(text, words[w]), out var phrases))
            {
                foreach (var phrase in phrases)
                {
                    if (Match(text, words, w, phrase, 1) is { } last)
                    {
                        spans.Add((words[w].Start, words[last].End));
                        break;
                    }
                }
            }
        }

        AddUnspaced(text, spans);
        spans.Sort();
        return spans;
    }

    private static ReadOnlySpan<char> Word(string text, (int Start, int End) word) => text.AsSpan(word.Start, word.End - word.Start);

    private static int? Match(string text, List<(int Start, int End)> words, int at, Element[] phrase, int next)
    {
        if (next == phrase.Length)
        {
            return at;
        }

        var element = phrase[next];
        if (!element.HasWords)
        {
            // A colon or an exclamation mark after the last word.
            return text.AsSpan(words[at].End).TrimStart("*_ ") is [':' or '!' or '：', ..] ? at : null;
        }

        for (var i = at + 1; i < words.Count && i <= at + 1 + element.Gap && words[i].Start - words[i - 1].End <= MaxSigns; i++)
        {
            if (element.Words.Contains(Word(text, words[i])) && Match(text, words, i, phrase, next + 1) is { } last)
            {
                return last;
            }
        }

        return null;
    }

    private static void AddUnspaced(string text, List<(int, int)> spans)
    {
        if (Ascii.IsValid(text))
        {
            return;
        }

        var position = 0;
        while (position < text.Length && text.AsSpan(position).IndexOfAny(Unspaced) is var found and >= 0)
        {
            var start = position + found;
            var rest = text.AsSpan(start, Math.Min(18, text.Length - start));
            var sentence = rest.IndexOfAny('。', '\n');
            rest = sentence < 0 ? rest : rest[..sentence];
            if (rest.IndexOfAny(UnspacedObjects) >= 0)
            {
                spans.Add((start, start + rest.Length));
            }

            position = start + 2;
        }
    }

    private static int SentenceStart(string text, int position)
    {
        while (position > 0 && !IsEnd(text, position - 1))
        {
            position--;
        }

        return position;
    }

    private static int SentenceEnd(string text, int position)
    {
        while (position < text.Length && !IsEnd(text, position))
        {
            position++;
        }

        return position < text.Length && text[position] != '\n' ? position + 1 : position;
    }

    private static bool IsEnd(string text, int i) =>
        text[i] is '\n' or '。' or '！' or '？' || (text[i] is '.' or '!' or '?' && (i + 1 == text.Length || char.IsWhiteSpace(text[i + 1])));

    private static FrozenDictionary<string, Element[][]> Compile()
    {
        var all = new Dictionary<string, List<Element[]>>(StringComparer.OrdinalIgnoreCase);
        foreach (var phrase in Phrases)
        {
            var elements = new List<Element>();
            var gap = 0;
            foreach (var part in phrase.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                switch (part[0])
                {
                    case '+':
                        gap = 0;
                        break;
                    case '~':
                        gap = part[1] - '0';
                        break;
                    case ':':
                        elements.Add(new Element(0, FrozenSet<string>.Empty));
                        break;
                    default:
                        elements.Add(new Element(gap, part.Split('|').ToFrozenSet(StringComparer.OrdinalIgnoreCase)));
                        break;
                }
            }

            foreach (var word in elements[0].All)
            {
                if (!all.TryGetValue(word, out var list))
                {
                    all[word] = list = [];
                }

                list.Add([.. elements]);
            }
        }

        return all.ToFrozenDictionary(p => p.Key, p => p.Value.ToArray(), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>One of some words, within a distance from the one before; without words a sign after that one.</summary>
    private sealed record Element(int Gap, FrozenSet<string> All)
    {
        public bool HasWords { get; } = All.Count > 0;

        public FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Words { get; } =
            (All.Count > 0 ? All : NoWords).GetAlternateLookup<ReadOnlySpan<char>>();
    }
}
