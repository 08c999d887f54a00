using System.Globalization;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Api;

/// <summary>Parses times: ISO 8601, a date, or an age (<c>30m</c>, <c>12h</c>, <c>7d</c>, <c>2w</c>). Without an offset the time is UTC.</summary>
internal static class TimeText
{
    public static bool TryParse(string text, TimeProvider clock, out DateTimeOffset time)
    {
        text = text.Trim();
        var isWeeks = text.EndsWith('w');
        if (text.Length > 1 && char.IsAsciiLetter(text[^1]) && ValueParser.Duration(isWeeks ? text[..^1] + "d" : text) is { Ticks: >= 0 } ago)
        {
            ago = isWeeks ? ago * 7 : ago;
            if (ago < clock.GetUtcNow() - DateTimeOffset.UnixEpoch)
            {
                time = clock.GetUtcNow() - ago;
                return true;
            }
        }

        // An unencoded plus sign in a query arrives as a space.
        return DateTimeOffset.TryParse(text.Replace(' ', '+'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time)
            || DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
    }
}
