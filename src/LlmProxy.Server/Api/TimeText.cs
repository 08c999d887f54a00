using System.Globalization;

namespace LlmProxy.Server.Api;

/// <summary>Times as people write them: ISO 8601, a date, or how long ago (<c>30m</c>, <c>12h</c>, <c>7d</c>, <c>2w</c>). Without an offset it is UTC.</summary>
internal static class TimeText
{
    public static bool TryParse(string text, TimeProvider clock, out DateTimeOffset time)
    {
        text = text.Trim();
        if (text.Length > 1 && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount) && amount < 1_000_000)
        {
            TimeSpan? ago = text[^1] switch
            {
                'm' => TimeSpan.FromMinutes(amount),
                'h' => TimeSpan.FromHours(amount),
                'd' => TimeSpan.FromDays(amount),
                'w' => TimeSpan.FromDays(amount * 7),
                _ => null,
            };
            if (ago is { } span && span < clock.GetUtcNow() - DateTimeOffset.UnixEpoch)
            {
                time = clock.GetUtcNow() - span;
                return true;
            }
        }

        // A plus sign in a query that was not encoded arrives as a blank.
        return DateTimeOffset.TryParse(text.Replace(' ', '+'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time)
            || DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
    }
}
