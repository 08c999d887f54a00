using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace LlmProxy.Core.Retrieval;

/// <summary>A text in another spelling, with the place of each of its characters in the text that it was made from.</summary>
/// <param name="Text">The text.</param>
/// <param name="Places">For each character its place, and one more for the end; null where they are the same.</param>
internal sealed record FoldedText(string Text, int[]? Places)
{
    /// <summary>The place of a character, or of the end.</summary>
    public int PlaceOf(int index) => Places is null ? index : Places[index];
}

/// <summary>
/// Reads letters as a person or a model does: mathematical, circled and full-width letters, letters of other scripts that
/// look like Latin ones, small capitals, and letters under marks. The platform's NFKC needs ICU, which the program does
/// without; this small table has what can stand for an ASCII letter or digit (Unicode 15, and UTS 39's look-alikes of
/// Cyrillic, Greek, Armenian and Cherokee).
/// </summary>
internal static class ConfusableLetters
{
    // First code point, number, and what the first is like: mathematical, circled, squared, full-width letters and digits.
    private static readonly (int First, int Count, char Like)[] Alphabets =
    [
        (0x1D33, 8, 'G'), (0x2074, 6, '4'), (0x2080, 10, '0'), (0x2460, 9, '1'), (0x24B6, 26, 'A'), (0x24D0, 26, 'a'), (0xFF10, 10, '0'),
        (0xFF21, 26, 'A'), (0xFF41, 26, 'a'), (0x1D400, 26, 'A'), (0x1D41A, 26, 'a'), (0x1D434, 26, 'A'), (0x1D44E, 7, 'a'), (0x1D456, 18, 'i'),
        (0x1D468, 26, 'A'), (0x1D482, 26, 'a'), (0x1D4AE, 8, 'S'), (0x1D4BD, 7, 'h'), (0x1D4C5, 11, 'p'), (0x1D4D0, 26, 'A'), (0x1D4EA, 26, 'a'),
        (0x1D50D, 8, 'J'), (0x1D516, 7, 'S'), (0x1D51E, 26, 'a'), (0x1D540, 5, 'I'), (0x1D54A, 7, 'S'), (0x1D552, 26, 'a'), (0x1D56C, 26, 'A'),
        (0x1D586, 26, 'a'), (0x1D5A0, 26, 'A'), (0x1D5BA, 26, 'a'), (0x1D5D4, 26, 'A'), (0x1D5EE, 26, 'a'), (0x1D608, 26, 'A'), (0x1D622, 26, 'a'),
        (0x1D63C, 26, 'A'), (0x1D656, 26, 'a'), (0x1D670, 26, 'A'), (0x1D68A, 26, 'a'), (0x1D7CE, 10, '0'), (0x1D7D8, 10, '0'), (0x1D7E2, 10, '0'),
        (0x1D7EC, 10, '0'), (0x1D7F6, 10, '0'), (0x1F130, 26, 'A'), (0x1F150, 26, 'A'), (0x1F170, 26, 'A'), (0x1F1E6, 26, 'A'), (0x1FBF0, 10, '0'),
    ];

    // A letter or digit, and what looks like it: with marks, as a symbol, and of other scripts.
    private static readonly string[] Alike =
    [
        "0⁰⓪",
        "1¹",
        "2²",
        "3³",
        "AÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦᴬḀẠẢẤẦẨẪẬẮẰẲẴẶÅАΑᎪ",
        "BᴮḂḄḆℬВΒᏴ",
        "CÇĆĈĊČḈℂℭⅭꟲСϹᏟ",
        "DĎᴰḊḌḎḐḒⅅⅮᎠĐ",
        "EÈÉÊËĒĔĖĘĚȄȆȨᴱḔḖḘḚḜẸẺẼẾỀỂỄỆℰЕΕᎬЄ",
        "FḞℱꟳϜ",
        "GĜĞĠĢǦǴḠԌᏀ",
        "HĤȞḢḤḦḨḪℋℌℍНΗᎻ",
        "IÌÍÎÏĨĪĬĮİǏȈȊḬḮỈỊℐℑⅠІΙӀ",
        "JĴЈᎫ",
        "KĶǨḰḲḴKКΚᏦ",
        "LĹĻĽḶḸḺḼℒⅬᏞŁ",
        "MḾṀṂℳⅯМΜᎷ",
        "NÑŃŅŇǸṄṆṈṊℕΝ",
        "OÒÓÔÕÖŌŎŐƠǑǪǬȌȎȪȬȮȰᴼṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢОΟՕØ",
        "PᴾṔṖℙРΡᏢ",
        "QℚꟴԚ",
        "RŔŖŘȐȒᴿṘṚṜṞℛℜℝᏒƦ",
        "SŚŜŞŠȘṠṢṤṦṨЅՏᏚ",
        "TŢŤȚᵀṪṬṮṰТΤᎢ",
        "UÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖᵁṲṴṶṸṺỤỦỨỪỬỮỰՍԱ",
        "VṼṾⅤⱽѴᏙ",
        "WŴᵂẀẂẄẆẈԜᎳ",
        "XẊẌⅩХΧ",
        "YÝŶŸȲẎỲỴỶỸҮΥУ",
        "ZŹŻŽẐẒẔℤℨΖᏃ",
        "aªàáâãäåāăąǎǟǡǻȁȃȧᵃḁạảấầẩẫậắằẳẵặₐаαɑᴀ",
        "bᵇḃḅḇЬʙƅ",
        "cçćĉċčᶜḉⅽсϲᴄ",
        "dďᵈḋḍḏḑḓⅆⅾԁᴅđɗ",
        "eèéêëēĕėęěȅȇȩᵉḕḗḙḛḝẹẻẽếềểễệₑℯⅇеєεᴇɛҽ",
        "fᶠḟғƒ",
        "gĝğġģǧǵᵍḡℊɡɢց",
        "hĥȟʰḣḥḧḩḫẖₕℎһհʜ",
        "iìíîïĩīĭįǐȉȋᵢḭḯỉịⁱℹⅈⅰіιıɪ",
        "jĵǰʲⅉⱼјϳᴊ",
        "kķǩᵏḱḳḵₖкκᴋ",
        "lĺļľˡḷḹḻḽₗℓⅼłʟӏ",
        "mᵐḿṁṃₘⅿмᴍ",
        "nñńņňǹṅṇṉṋⁿₙпηɴոռ",
        "oºòóôõöōŏőơǒǫǭȍȏȫȭȯȱᵒṍṏṑṓọỏốồổỗộớờởỡợₒℴоοσօᴏø",
        "pᵖṕṗₚрρᴘ",
        "qԛզ",
        "rŕŗřȑȓʳᵣṙṛṝṟгʀᴦ",
        "sśŝşšſșˢṡṣṥṧṩẛₛѕꜱƨ",
        "tţťțᵗṫṭṯṱẗₜтτᴛ",
        "uùúûüũūŭůűųưǔǖǘǚǜȕȗᵘᵤṳṵṷṹṻụủứừửữựυսᴜʋц",
        "vᵛᵥṽṿⅴѵνᴠ",
        "wŵʷẁẃẅẇẉẘѡԝωᴡш",
        "xˣẋẍₓⅹхχ",
        "yýÿŷȳʸẏẙỳỵỷỹуγʏү",
        "zźżžᶻẑẓẕᴢ",
    ];

    private static readonly FrozenDictionary<int, char> Likes = Compile();

    /// <summary>The text with ASCII letters and digits for all that look like them, and without marks above and below letters.</summary>
    public static FoldedText Fold(string text)
    {
        if (Ascii.IsValid(text))
        {
            return new FoldedText(text, null);
        }

        var result = new StringBuilder(text.Length);
        var places = new List<int>(text.Length + 1);
        for (var i = 0; i < text.Length; i++)
        {
            var (point, length) = PointAt(text, i);
            if (point < 0x80 || !IsMark(point))
            {
                places.Add(i);
                if (LikeOf(point) is { } like)
                {
                    result.Append(like);
                }
                else
                {
                    result.Append(text, i, length);
                    if (length == 2)
                    {
                        places.Add(i + 1);
                    }
                }
            }

            i += length - 1;
        }

        places.Add(text.Length);
        return new FoldedText(result.ToString(), [.. places]);
    }

    /// <summary>
    /// The text with plain letters where no language has others: mathematical, circled and squared ones, and letters of
    /// other scripts in a word of Latin ones.
    /// </summary>
    public static string Plain(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            var start = i;
            var (hasLatin, hasOther) = (false, false);
            for (; i < text.Length; i += PointAt(text, i).Length)
            {
                var (point, length) = PointAt(text, i);
                if (IsSymbol(point))
                {
                    break;
                }

                if (!(length == 1 ? char.IsLetter(text[i]) || IsMark(point) : char.IsLetter(text, i)))
                {
                    break;
                }

                hasLatin |= char.IsAsciiLetter(text[i]);
                hasOther |= IsOtherScript(point);
            }

            AppendWord(result, text, start, i, fold: hasLatin && hasOther);
            if (i < text.Length)
            {
                var (point, length) = PointAt(text, i);
                _ = IsSymbol(point) && LikeOf(point) is { } like ? result.Append(like) : result.Append(text, i, length);
                i += length;
            }
        }

        return result.ToString();
    }

    /// <summary>Whether a character is a mark that belongs to the letter before it.</summary>
    public static bool IsMark(int point) =>
        point >= 0x300 && CharUnicodeInfo.GetUnicodeCategory(point) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static void AppendWord(StringBuilder result, string text, int start, int end, bool fold)
    {
        if (!fold)
        {
            result.Append(text, start, end - start);
            return;
        }

        for (var i = start; i < end; i++)
        {
            result.Append(IsOtherScript(text[i]) && LikeOf(text[i]) is { } like ? like : text[i]);
        }
    }

    // Letters that are symbols; digits in circles and superscripts keep their meaning.
    private static bool IsSymbol(int point) => point is (>= 0x249C and <= 0x24E9) or (>= 0x1D400 and <= 0x1D7FF) or (>= 0x1F110 and <= 0x1F189) or (>= 0xFF21 and <= 0xFF5A);

    // Greek without the letters that units and formulas have beside Latin ones; Cyrillic; Armenian; Cherokee.
    private static bool IsOtherScript(int point) => point is (>= 0x370 and <= 0x3FF and not (0x3BC or 0x3A9 or 0x394 or 0x3C0)) or (>= 0x400 and <= 0x58F) or (>= 0x13A0 and <= 0x13FF);

    private static char? LikeOf(int point) => point >= 0x80 && Likes.TryGetValue(point, out var like) ? like : null;

    private static (int Point, int Length) PointAt(string text, int i) =>
        char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]) ? (char.ConvertToUtf32(text[i], text[i + 1]), 2) : (text[i], 1);

    private static FrozenDictionary<int, char> Compile()
    {
        var likes = new Dictionary<int, char>();
        foreach (var (first, count, like) in Alphabets)
        {
            for (var i = 0; i < count; i++)
            {
                likes[first + i] = (char)(like + i);
            }
        }

        foreach (var letters in Alike)
        {
            foreach (var other in letters.AsSpan(1))
            {
                likes.TryAdd(other, letters[0]);
            }
        }

        return likes.ToFrozenDictionary();
    }
}
