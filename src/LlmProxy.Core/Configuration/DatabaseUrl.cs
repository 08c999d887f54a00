using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace LlmProxy.Core.Configuration;

/// <summary>Translates <c>postgres://user:password@host:port/database?sslmode=require</c> for Npgsql.</summary>
internal static class DatabaseUrl
{
    public const string Variable = "DATABASE_URL";

    private static readonly string[] Schemes = ["postgres://", "postgresql://"];

    public static bool IsPostgres(string text) => Schemes.Any(scheme => text.TrimStart().StartsWith(scheme, StringComparison.OrdinalIgnoreCase));

    /// <summary>The connection string, or what is wrong with the address. Neither the address nor a part of it is in <paramref name="fix"/>.</summary>
    public static bool TryTranslate(string url, [NotNullWhen(true)] out string? connectionString, [NotNullWhen(false)] out string? fix)
    {
        connectionString = null;

        // By hand rather than by System.Uri: passwords in the wild hold characters that a strict parser refuses ("#", "/", "@").
        var text = url.Trim();
        text = text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..];
        var queryStart = text.IndexOf('?', StringComparison.Ordinal);
        var query = queryStart < 0 ? "" : text[(queryStart + 1)..];
        var address = queryStart < 0 ? text : text[..queryStart];
        var at = address.LastIndexOf('@');
        var login = at < 0 ? "" : address[..at];
        var slash = address.IndexOf('/', at + 1);
        var hosts = slash < 0 ? address[(at + 1)..] : address[(at + 1)..slash];
        var database = slash < 0 ? "" : address[(slash + 1)..].TrimEnd('/');

        var builder = new NpgsqlConnectionStringBuilder();
        var colon = login.IndexOf(':', StringComparison.Ordinal);
        Set(Decode(colon < 0 ? login : login[..colon]), value => builder.Username = value);
        Set(colon < 0 ? "" : Decode(login[(colon + 1)..]), value => builder.Password = value);
        Set(Decode(database), value => builder.Database = value);
        if (!TryHost(Decode(hosts), builder))
        {
            fix = "the port is no number from 1 to 65535; write postgres://user:password@host:5432/database.";
            return false;
        }

        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            if (parts.Length == 2 && !TryParameter(Decode(parts[0]).ToUpperInvariant(), Decode(parts[1].Replace('+', ' ')), builder, out fix))
            {
                return false;
            }
        }

        if (string.IsNullOrEmpty(builder.Host))
        {
            fix = "the host is missing; write postgres://user:password@host:5432/database.";
            return false;
        }

        connectionString = builder.ConnectionString;
        fix = null;
        return true;
    }

    private static void Set(string value, Action<string> set)
    {
        if (value.Length > 0)
        {
            set(value);
        }
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text);

    private static bool TryHost(string hosts, NpgsqlConnectionStringBuilder builder)
    {
        // Several hosts keep their ports in Npgsql's own notation; so does an IPv6 address its brackets.
        var colon = hosts.LastIndexOf(':');
        if (hosts.Contains(',', StringComparison.Ordinal) || colon < 0 || hosts.EndsWith(']'))
        {
            Set(hosts.Trim('[', ']'), value => builder.Host = value);
            return true;
        }

        Set(hosts[..colon].Trim('[', ']'), value => builder.Host = value);
        if (hosts[(colon + 1)..] is not { Length: > 0 } port)
        {
            return true;
        }

        if (!ValueParser.TryInteger(port, out var number) || number is < 1 or > 65_535)
        {
            return false;
        }

        builder.Port = number;
        return true;
    }

    /// <summary>libpq's parameters that Npgsql knows. All others (Prisma's schema, connection_limit, pgbouncer, pool_timeout …) are dropped.</summary>
    private static bool TryParameter(string name, string value, NpgsqlConnectionStringBuilder builder, [NotNullWhen(false)] out string? fix)
    {
        fix = null;
        switch (name)
        {
            case "SSLMODE":
                SslMode? mode = value.ToUpperInvariant() switch
                {
                    "DISABLE" => SslMode.Disable,
                    "ALLOW" => SslMode.Allow,
                    "PREFER" => SslMode.Prefer,
                    "REQUIRE" => SslMode.Require,
                    "VERIFY-CA" => SslMode.VerifyCA,
                    "VERIFY-FULL" => SslMode.VerifyFull,
                    _ => null,
                };
                fix = mode is null ? "sslmode is one of disable, allow, prefer, require, verify-ca, verify-full." : null;
                builder.SslMode = mode ?? SslMode.Prefer;
                break;
            case "CHANNEL_BINDING":
                ChannelBinding? binding = value.ToUpperInvariant() switch
                {
                    "DISABLE" => ChannelBinding.Disable,
                    "PREFER" => ChannelBinding.Prefer,
                    "REQUIRE" => ChannelBinding.Require,
                    _ => null,
                };
                fix = binding is null ? "channel_binding is one of disable, prefer, require." : null;
                builder.ChannelBinding = binding ?? ChannelBinding.Prefer;
                break;
            case "CONNECT_TIMEOUT":
                var isTime = ValueParser.TryInteger(value, out var seconds) && seconds is >= 0 and <= 1_024;
                fix = isTime ? null : "connect_timeout is a number of seconds from 0 to 1024.";
                builder.Timeout = isTime ? seconds : builder.Timeout;
                break;
            case "SSLROOTCERT":
                Set(value, path => builder.RootCertificate = path);
                break;
            case "SSLCERT":
                Set(value, path => builder.SslCertificate = path);
                break;
            case "SSLKEY":
                Set(value, path => builder.SslKey = path);
                break;
            case "APPLICATION_NAME":
                Set(value, text => builder.ApplicationName = text);
                break;
            case "HOST":
                Set(value, text => builder.Host = text);
                break;
            case "USER":
                Set(value, text => builder.Username = text);
                break;
            case "PASSWORD":
                Set(value, text => builder.Password = text);
                break;
        }

        return fix is null;
    }
}
