using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Core.Configuration;

/// <summary>Keys and values that never change, as a configuration provider. (The framework's own base class is not in its abstractions.)</summary>
internal class FixedConfigurationProvider(IReadOnlyDictionary<string, string?> values) : IConfigurationProvider
{
    public IReadOnlyDictionary<string, string?> Values { get; } = values;

    public bool TryGet(string key, out string? value) => Values.TryGetValue(key, out value);

    public void Set(string key, string? value) => throw new NotSupportedException("These values are fixed.");

    public IChangeToken GetReloadToken() => Unchanging.Instance;

    public void Load()
    {
    }

    public IEnumerable<string> GetChildKeys(IEnumerable<string> earlierKeys, string? parentPath)
    {
        var prefix = parentPath is null ? "" : parentPath + ConfigurationPath.KeyDelimiter;
        return Values.Keys
            .Where(key => key.Length > prefix.Length && key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            .Select(key => key[prefix.Length..].Split(':', 2)[0])
            .Concat(earlierKeys)
            .Order(KeyOrder.Instance);
    }

    private sealed class Unchanging : IChangeToken, IDisposable
    {
        public static Unchanging Instance { get; } = new();

        public bool HasChanged => false;

        public bool ActiveChangeCallbacks => false;

        public IDisposable RegisterChangeCallback(Action<object?> callback, object? state) => this;

        public void Dispose()
        {
        }
    }

    /// <summary>Indexes by number, names by letters; as the framework's providers do it.</summary>
    internal sealed class KeyOrder : IComparer<string>
    {
        public static KeyOrder Instance { get; } = new();

        public int Compare(string? x, string? y) => (ValueParser.TryInteger(x ?? "", out var left), ValueParser.TryInteger(y ?? "", out var right)) switch
        {
            (true, true) => left.CompareTo(right),
            (true, false) => -1,
            (false, true) => 1,
            _ => StringComparer.OrdinalIgnoreCase.Compare(x, y),
        };
    }
}
