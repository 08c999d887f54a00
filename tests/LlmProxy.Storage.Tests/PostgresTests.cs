using LlmProxy.Tests.Storage;

namespace LlmProxy.Tests;

/// <summary>Tests that share the PostgreSQL server of this assembly run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresTests : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
