using Npgsql;

namespace LlmProxy.Storage.Postgres;

/// <summary>The server's errors in words that name the fix. None of them repeats the connection string.</summary>
internal static class PostgresErrors
{
    public const string MissingExtension =
        "pgvector is not installed on the PostgreSQL server. Install it there (on Debian and Ubuntu the package postgresql-<version>-pgvector), then run 'llmproxy db init'.";

    public const string MayNotCreateExtension =
        "the role may not create the extension pgvector. Let a superuser run 'CREATE EXTENSION vector' in this database once, then run 'llmproxy db init'.";

    public const string ExtensionNotVisible =
        "the type 'vector' is not found: the extension pgvector is missing in this database, or is in a schema that is not on the role's search_path. Let a superuser run 'CREATE EXTENSION vector' in this database, or add that schema to search_path.";

    public static string Explain(Exception exception) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } => "its schema is missing; 'llmproxy db init' makes it.",
        PostgresException { SqlState: PostgresErrorCodes.UndefinedObject } e when e.MessageText.Contains("vector", StringComparison.Ordinal) => ExtensionNotVisible,
        PostgresException { SqlState: PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.UndefinedFile } e
            when e.MessageText.Contains("extension", StringComparison.Ordinal) => MissingExtension,
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e
            when e.MessageText.Contains("extension", StringComparison.Ordinal) => MayNotCreateExtension,
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e =>
            $"{e.MessageText}. The role needs CREATE on the schema for 'llmproxy db init', and SELECT, INSERT, UPDATE and DELETE on its tables afterwards.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } =>
            "the server refuses the user name or password of LlmProxy:Storage:ConnectionString.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => "the database of LlmProxy:Storage:ConnectionString does not exist on the server; create it.",
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => "the server has no free connection; raise its max_connections or lower 'Maximum Pool Size' of the connection string.",
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => "the server's disk is full.",
        PostgresException e => $"{e.MessageText} ({e.SqlState}).",
        NpgsqlException { InnerException: System.Net.Sockets.SocketException socket } => $"the server cannot be reached: {socket.Message}. Check host and port of LlmProxy:Storage:ConnectionString.",
        NpgsqlException { InnerException: TimeoutException } or TimeoutException => "the server did not respond in time.",
        _ => exception.Message,
    };

    /// <summary>
    /// Whether the server is unavailable, by the class of its error (PostgreSQL documentation, appendix A):
    /// connection, authorization, resources, operator intervention, system. An error that is not the server's is
    /// one too.
    /// </summary>
    public static bool IsOutage(Exception exception) =>
        exception is not PostgresException { SqlState: var state } || state[..2] is "08" or "28" or "53" or "57" or "58" or "F0" or "XX" || state == PostgresErrorCodes.InsufficientPrivilege || state == PostgresErrorCodes.ReadOnlySqlTransaction;

    /// <summary>Two transactions stood in each other's way and one was ended; done again it succeeds.</summary>
    public static bool IsWorthAnotherTry(Exception exception) =>
        exception is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure };
}
