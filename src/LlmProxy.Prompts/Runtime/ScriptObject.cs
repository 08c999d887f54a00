using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace LlmProxy.Prompts.Runtime;

/// <summary>Names and values in the order in which they were added. Names are case-sensitive.</summary>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "The name is that of the Scriban API.")]
public class ScriptObject : IReadOnlyDictionary<string, object?>
{
    private Dictionary<string, object?> _members;
    private HashSet<string>? _readOnly;
    private bool _isShared;

    /// <summary>Makes an empty object.</summary>
    public ScriptObject()
        : this(0)
    {
    }

    /// <summary>Makes an empty object with room for some members.</summary>
    public ScriptObject(int capacity) => _members = new Dictionary<string, object?>(capacity, StringComparer.Ordinal);

    /// <summary>Makes an object with the members of another.</summary>
    public ScriptObject(IEnumerable<KeyValuePair<string, object?>> members)
        : this(0)
    {
        foreach (var member in members)
        {
            _members[member.Key] = member.Value;
        }
    }

    /// <summary>Makes an object over members that other objects use too; they are copied when it is first written to.</summary>
    private protected ScriptObject(Dictionary<string, object?> shared)
    {
        _members = shared;
        _isShared = true;
    }

    /// <summary>Whether nothing may be written.</summary>
    public bool IsReadOnly { get; set; }

    /// <inheritdoc />
    public int Count => _members.Count;

    /// <summary>The names.</summary>
    public IEnumerable<string> Keys => _members.Keys;

    /// <summary>The values.</summary>
    public IEnumerable<object?> Values => _members.Values;

    /// <summary>A member; null if there is none of that name.</summary>
    public object? this[string key]
    {
        get => _members.TryGetValue(key, out var value) ? value : null;
        set => Own()[key] = value;
    }

    /// <summary>Adds a member.</summary>
    /// <exception cref="ArgumentException">There is one of that name.</exception>
    public void Add(string key, object? value) => Own().Add(key, value);

    /// <inheritdoc />
    public bool ContainsKey(string key) => _members.ContainsKey(key);

    /// <inheritdoc />
    public virtual bool TryGetValue(string key, out object? value) => _members.TryGetValue(key, out value);

    /// <summary>Removes a member; false if there is none of that name.</summary>
    public bool Remove(string key)
    {
        if (!_members.ContainsKey(key))
        {
            return false;
        }

        // A dictionary keeps its order only as long as nothing is removed.
        var rest = _members.Where(m => m.Key != key).ToList();
        Own().Clear();
        foreach (var member in rest)
        {
            _members.Add(member.Key, member.Value);
        }

        return true;
    }

    /// <summary>Allows or forbids writing to a member.</summary>
    public void SetReadOnly(string key, bool isReadOnly)
    {
        if (isReadOnly)
        {
            (_readOnly ??= new HashSet<string>(StringComparer.Ordinal)).Add(key);
        }
        else
        {
            _readOnly?.Remove(key);
        }
    }

    /// <summary>Whether a member may be written.</summary>
    public virtual bool CanWrite(string key) => !IsReadOnly && _readOnly?.Contains(key) != true;

    /// <inheritdoc />
    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _members.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private Dictionary<string, object?> Own()
    {
        if (_isShared)
        {
            _members = new Dictionary<string, object?>(_members, StringComparer.Ordinal);
            _isShared = false;
        }

        return _members;
    }
}

/// <summary>A list. It can have named members besides its elements.</summary>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "The name is that of the Scriban API.")]
public sealed class ScriptArray : IReadOnlyList<object?>
{
    private readonly List<object?> _items;
    private ScriptObject? _members;

    /// <summary>Makes an empty list.</summary>
    public ScriptArray() => _items = [];

    /// <summary>Makes an empty list with room for some elements.</summary>
    public ScriptArray(int capacity) => _items = new List<object?>(capacity);

    /// <summary>Makes a list with elements.</summary>
    public ScriptArray(IEnumerable<object?> items) => _items = [.. items];

    /// <inheritdoc />
    public int Count => _items.Count;

    /// <summary>Whether nothing may be written.</summary>
    public bool IsReadOnly { get; set; }

    /// <summary>The named members.</summary>
    public ScriptObject Members => _members ??= new ScriptObject();

    internal bool HasMembers => _members is not null;

    /// <summary>An element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none at that place.</exception>
    public object? this[int index]
    {
        get => _items[index];
        set => _items[index] = value;
    }

    /// <summary>Adds an element at the end.</summary>
    public void Add(object? item) => _items.Add(item);

    /// <summary>Adds elements at the end.</summary>
    public void AddRange(IEnumerable<object?> items) => _items.AddRange(items);

    /// <summary>Adds an element before another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such place.</exception>
    public void Insert(int index, object? item) => _items.Insert(index, item);

    /// <summary>Removes an element.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none at that place.</exception>
    public void RemoveAt(int index) => _items.RemoveAt(index);

    /// <inheritdoc />
    public IEnumerator<object?> GetEnumerator() => _items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>The integers between two bounds, both of which belong to it; downwards if the first is larger.</summary>
internal sealed class ScriptRange : IReadOnlyList<object?>
{
    private readonly long _first;
    private readonly int _step;

    public ScriptRange(long first, int count, int step)
    {
        _first = first;
        _step = step;
        Count = count;
    }

    public int Count { get; }

    public object? this[int index]
    {
        get
        {
            var value = _first + ((long)index * _step);
            return value is >= int.MinValue and <= int.MaxValue ? Runtime.Values.Box((int)value) : value;
        }
    }

    public IEnumerator<object?> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>The value of the name <c>empty</c>.</summary>
internal sealed class EmptyValue
{
    public static readonly EmptyValue Instance = new();

    private EmptyValue()
    {
    }
}
