using System.Buffers;
using System.Text;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// Finds phrases that address a model in recorded text ("ignore all previous instructions") by their words: a phrase is
/// a few sets of words, each within some words of the one before. That takes linear time whatever the text, and sees
/// through emphasis, case and line ends, which regular expressions of this size do not do together. <see cref="Spellings"/>
/// undoes look-alikes, digits for letters, spaced letters and reversed text.
/// </summary>
internal static class InjectionPhrases
{
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

        "set|put|push|cast + aside|away ~4 told|instructions|instructed|said|rules|guidance ~1 before|earlier|above|previously|so|all",
        "whatever|everything|anything|all + you + have|were|are|had|ve|read|heard ~4 before|earlier|above|previously|far|now ~4 not|never|no|nothing|doesn't|void",
        "your|the|all|any ~1 earlier|previous|prior|former|above|initial|original|existing ~0 guidance|instructions|rules|guidelines|directions|orders|directives ~1 no + longer + apply|applies|hold|holds|count|valid|matter",
        "decode|decrypt|decipher|unscramble|deobfuscate|base64|rot13|translate ~3 follow|obey|execute|comply",

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
        "ignoriere|ignorieren|vergiss|vergessen|missachte|missachten ~3 anweisung|anweisungen|instruktionen|regeln|vorgaben",
        "vergiss|vergessen|ignoriere|ignorieren + alles ~4 vorher|zuvor|bisher|davor|oben",
        "ignorez|ignore|oubliez|oublie ~3 instructions|consignes|règles",
        "tiens|tenez|tenir|tient ~1 pas|plus|aucun + compte ~2 instructions|consignes|règles|directives",
        "ignora|ignore|olvida|olvide|dimentica|ignorar|esqueça ~4 instrucciones|istruzioni|instruções|reglas|regole|indicaciones|regras",
        "negeer|vergeet ~4 instructies|aanwijzingen|regels",
        "игнорируй|игнорируйте|проигнорируй|проигнорируйте|забудь|забудьте|отбрось ~4 инструкции|инструкций|указания|правила|команды|предписания",
        "ігноруй|ігноруйте|забудь|забудьте ~4 інструкції|вказівки|правила",
        "zignoruj|zignorujcie|ignoruj|zapomnij|pomiń ~4 instrukcje|instrukcji|polecenia|zasady|wytyczne",
        "ignoruj|ignorujte|zapomeň ~4 instrukce|pokyny|pravidla",
        "talimatları|talimatlari|yönergeleri|kuralları|komutları ~2 yok|unut|görmezden|dikkate|boşver|geçersiz",
        "تجاهل|تجاهلوا|انس|أهمل ~4 التعليمات|الأوامر|القواعد|الإرشادات|تعليمات",
        "התעלם|התעלמי|שכח ~4 ההוראות|הוראות|הכללים",
        "निर्देशों|निर्देश|आदेशों|नियमों ~3 अनदेखा|नज़रअंदाज़|भूल",
        "bỏ + qua ~3 hướng|chỉ|lệnh|quy + dẫn|thị|tắc|trước",
        "abaikan|lupakan ~4 instruksi|perintah|arahan|aturan",
    ];

    // Scripts that set no blanks, or endings on words: a verb and what it speaks of, in the order of the language.
    private static readonly SearchValues<string> Unspaced = SearchValues.Create(["忽略", "无视", "忘记", "忽視", "無視", "忘れ", "忘記", "不要理会", "不要理會", "不要管", "不理会", "不理會", "別管", "别管"], StringComparison.Ordinal);
    private static readonly SearchValues<string> UnspacedObjects = SearchValues.Create(["指令", "指示", "提示", "规则", "規則", "命令", "プロンプト"], StringComparison.Ordinal);
    private static readonly SearchValues<string> ObjectsFirst = SearchValues.Create(["指示", "命令", "指令", "規則", "ルール", "プロンプト", "지시", "명령", "지침", "규칙", "프롬프트"], StringComparison.Ordinal);
    private static readonly SearchValues<string> VerbsAfter = SearchValues.Create(["破棄", "無視", "忘れ", "無効", "従わ", "무시", "잊", "무효", "따르지"], StringComparison.Ordinal);
    private static readonly PhraseMatcher Matcher = new(Phrases);

    /// <summary>Takes the sentences out that hold such a phrase. Returns their number.</summary>
    public static (string Text, int Removed) Remove(string text)
    {
        var spans = Matcher.Find(text);
        if (!Ascii.IsValid(text))
        {
            AddUnspaced(text, Unspaced, UnspacedObjects, spans);
            AddUnspaced(text, ObjectsFirst, VerbsAfter, spans);
        }

        return SentenceRemoval.Remove(text, spans);
    }

    private static void AddUnspaced(string text, SearchValues<string> first, SearchValues<string> second, List<(int Start, int End)> spans)
    {
        var position = 0;
        while (position < text.Length && text.AsSpan(position).IndexOfAny(first) is var found and >= 0)
        {
            var start = position + found;
            var rest = text.AsSpan(start, Math.Min(18, text.Length - start));
            var sentence = rest.IndexOfAny('。', '\n');
            rest = sentence < 0 ? rest : rest[..sentence];
            if (rest.IndexOfAny(second) >= 0)
            {
                spans.Add((start, start + rest.Length));
            }

            position = start + 1;
        }
    }
}
