namespace LlmProxy.Server.Access;

/// <summary>Which requests are never forwarded, whoever sends them.</summary>
internal static class ForwardingRules
{
    private const int MaxDecodings = 3;

    /// <summary>Whether a method would make the upstream send the request's headers back, with the provider's key.</summary>
    public static bool IsRefusedMethod(string method) =>
        method.Equals("TRACE", StringComparison.OrdinalIgnoreCase) || method.Equals("TRACK", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether the dot segments of a target climb above its first segment, in any spelling: the upstream would resolve
    /// them above the address of its cluster.
    /// </summary>
    /// <param name="target">Path and query as they are forwarded.</param>
    public static bool LeavesBasePath(string target)
    {
        var path = target.AsSpan();
        var query = path.IndexOf('?');
        path = query < 0 ? path : path[..query];
        return (path.Contains("..", StringComparison.Ordinal) || path.Contains('%')) && Climbs(path.ToString());
    }

    private static bool Climbs(string path)
    {
        // Servers differ in how often they decode, and whether an encoded slash separates.
        for (var i = 0; i < MaxDecodings; i++)
        {
            if (LowestDepth(path) < 0)
            {
                return true;
            }

            var decoded = Uri.UnescapeDataString(path);
            if (decoded.Length == path.Length)
            {
                return false;
            }

            path = decoded;
        }

        return LowestDepth(path) < 0;
    }

    private static int LowestDepth(ReadOnlySpan<char> path)
    {
        var (depth, lowest) = (0, 0);
        foreach (var range in path.SplitAny('/', '\\'))
        {
            // A parameter of a segment (RFC 3986, section 3.3) is ignored by some servers: "..;x".
            var segment = path[range];
            var parameter = segment.IndexOf(';');
            segment = (parameter < 0 ? segment : segment[..parameter]).Trim();
            depth += segment is ".." ? -1 : segment is "" or "." ? 0 : 1;
            lowest = Math.Min(lowest, depth);
        }

        return lowest;
    }
}
