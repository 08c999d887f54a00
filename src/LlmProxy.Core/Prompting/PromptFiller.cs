using LlmProxy.Prompts;
using Scriban.Runtime;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// Fills an object of the prompt model. The description of the model (<see cref="PromptModel"/>)
/// decides which members there are and which texts are cleaned; this says where their values come from.
/// </summary>
/// <typeparam name="T">What the values come from.</typeparam>
internal sealed class PromptFiller<T>
{
    private readonly (string Name, bool IsRecorded, Func<T, object> Read)[] _members;

    /// <summary>Joins a description with the sources of its members.</summary>
    /// <param name="type">The description.</param>
    /// <param name="sources">For each member where its value comes from; texts and lists of texts as they are.</param>
    /// <exception cref="ArgumentException">A member has no source, or a source has no member.</exception>
    public PromptFiller(PromptType type, params (string Name, Func<T, object> Read)[] sources)
    {
        var read = sources.ToDictionary(source => source.Name, source => source.Read, StringComparer.Ordinal);
        _members =
        [
            .. type.Members.Select(member => (
                member.Name,
                member.Origin == PromptOrigin.Recorded,
                read.Remove(member.Name, out var source) ? source : throw new ArgumentException($"The member {type.Name}.{member.Name} has no source.", nameof(sources)))),
        ];
        if (read.Count > 0)
        {
            throw new ArgumentException($"The prompt model has no member {type.Name}.{read.Keys.First()}.", nameof(sources));
        }
    }

    /// <summary>Makes the object. It is read-only, since it serves all calls of a task at once.</summary>
    public ScriptObject Fill(T from)
    {
        var made = new ScriptObject(_members.Length);
        foreach (var (name, isRecorded, read) in _members)
        {
            made[name] = (read(from), isRecorded) switch
            {
                (string text, true) => FencedText.Clean(text),
                (IReadOnlyList<string> texts, _) => List(texts, text => isRecorded ? FencedText.Clean(text) : text),
                (var value, _) => value,
            };
        }

        made.IsReadOnly = true;
        return made;
    }

    /// <summary>A read-only list of filled objects.</summary>
    public ScriptArray FillAll(IEnumerable<T> from) => List(from, Fill);

    private static ScriptArray List<TItem>(IEnumerable<TItem> items, Func<TItem, object> convert)
        => new(items.Select(object? (item) => convert(item))) { IsReadOnly = true };
}
