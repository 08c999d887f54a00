using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Npgsql;

namespace LlmProxy.Storage.Postgres;

/// <summary>Translates <c>postgres://user:password@host:port/database?sslmode=require</c> for Npgsql.</summary>
internal static class DatabaseUrl
{
    private const string Form = "write postgres://user:password@host:5432/database.";

    private static readonly string[] Schemes = ["postgres://", "postgresql://"];

    /// <summary>libpq's parameters that Npgsql knows, and their values if only some are allowed. All others (Prisma's schema, connection_limit, pgbouncer, pool_timeout …) are dropped.</summary>
    private static readonly Dictionary<string, (string Keyword, string[]? Values)> Parameters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sslmode"] = ("SSL Mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        ["channel_binding"] = ("Channel Binding", ["disable", "prefer", "require"]),
        ["connect_timeout"] = ("Timeout", null),
        ["sslrootcert"] = ("Root Certificate", null),
        ["sslcert"] = ("SSL Certificate", null),
        ["sslkey"] = ("SSL Key", null),
        ["application_name"] = ("Application Name", null),
        ["host"] = ("Host", null),
        ["user"] = ("Username", null),
        ["password"] = ("Password", null),
    };

    public static bool IsPostgres(string text) => Schemes.Any(scheme => text.TrimStart().StartsWith(scheme, StringComparison.OrdinalIgnoreCase));

    /// <summary>The connection string, or what is wrong with the address. Neither the address nor a part of it is in <paramref name="fix"/>.</summary>
    public static bool TryTranslate(string url, [NotNullWhen(true)] out string? connectionString, [NotNullWhen(false)] out string? fix)
    {
        // Not by System.Uri: passwords in the wild hold characters that a strict parser refuses ("#", "/", "@").
        var text = url.Trim();
        var (address, query) = Cut(text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..], '?');
        var at = address.LastIndexOf('@');
        var (user, password) = Cut(at < 0 ? "" : address[..at], ':');
        var (hosts, database) = Cut(address[(at + 1)..], '/');

        var builder = new NpgsqlConnectionStringBuilder();
        Set(builder, "Username", Decode(user));
        Set(builder, "Password", Decode(password));
        Set(builder, "Database", Decode(database.TrimEnd('/')));
        fix = SetHost(builder, Decode(hosts));
        foreach (var (name, value) in query.Split('&').Where(pair => pair.Contains('=', StringComparison.Ordinal)).Select(pair => Cut(pair, '=')))
        {
            fix ??= SetParameter(builder, Decode(name), Decode(value.Replace('+', ' ')));
        }

        fix ??= string.IsNullOrEmpty(builder.Host) ? "the host is missing; " + Form : null;
        connectionString = fix is null ? builder.ConnectionString : null;
        return connectionString is not null;
    }

    private static (string Before, string After) Cut(string text, char at) =>
        text.IndexOf(at, StringComparison.Ordinal) is >= 0 and var index ? (text[..index], text[(index + 1)..]) : (text, "");

    private static string Decode(string text) => Uri.UnescapeDataString(text);

    private static void Set(NpgsqlConnectionStringBuilder builder, string keyword, string value)
    {
        if (value.Length > 0)
        {
            builder[keyword] = value;
        }
    }

    private static string? SetHost(NpgsqlConnectionStringBuilder builder, string hosts)
    {
        // Several hosts keep their ports in Npgsql's own notation; so does an IPv6 address its brackets.
        var colon = hosts.Contains(',', StringComparison.Ordinal) || hosts.EndsWith(']') ? -1 : hosts.LastIndexOf(':');
        Set(builder, "Host", (colon < 0 ? hosts : hosts[..colon]).Trim('[', ']'));
        if (colon < 0 || colon == hosts.Length - 1)
        {
            return null;
        }

        if (!ushort.TryParse(hosts.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            return "the port is no number from 1 to 65535; " + Form;
        }

        builder.Port = port;
        return null;
    }

    private static string? SetParameter(NpgsqlConnectionStringBuilder builder, string name, string value)
    {
        if (!Parameters.TryGetValue(name, out var parameter))
        {
            return null;
        }

        if (parameter.Values is { } values)
        {
            if (!values.Contains(value, StringComparer.OrdinalIgnoreCase))
            {
                return $"{name.ToLowerInvariant()} is one of {string.Join(", ", values)}.";
            }

            value = value.Replace("-", "", StringComparison.Ordinal); // Npgsql's names are those of libpq without the dash
        }
        else if (parameter.Keyword == "Timeout" && !(int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= 1_024))
        {
            return "connect_timeout is a number of seconds from 0 to 1024.";
        }

        Set(builder, parameter.Keyword, value);
        return null;
    }
}
