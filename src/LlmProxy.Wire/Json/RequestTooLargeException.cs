namespace LlmProxy.Wire.Json;

/// <summary>A request holds more than is read; ends its reading.</summary>
internal sealed class RequestTooLargeException() : Exception("The request holds more than is read.");
