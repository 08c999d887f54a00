namespace LlmProxy.Server;

/// <summary>
/// Ends the connection of a response that the upstream broke off. Kestrel catches it and logs every exception; the log
/// leaves this one out, since the break has an event of its own.
/// </summary>
internal sealed class ResponseBrokenException() : Exception("The upstream broke off its response.");
