namespace LlmProxy.Tests.Storage;

/// <summary>The server of a test run, started when the first test asks for it.</summary>
public sealed class PostgresServer : PostgresCluster, IAsyncLifetime;
