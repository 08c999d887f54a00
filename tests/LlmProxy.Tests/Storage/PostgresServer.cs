namespace LlmProxy.Tests.Storage;

/// <summary>The server of a test run, started when the first test asks for it.</summary>
public sealed class PostgresServer : PostgresCluster, IAsyncLifetime;

/// <summary>Tests that share the server run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresTests : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
