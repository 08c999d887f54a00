using Mono.Cecil;
using Mono.Cecil.Cil;

namespace LlmProxy.Architecture.Tests;

/// <summary>
/// Which folders of a project use which, by the types in its compiled code, method bodies included. A folder is the first
/// name after the root namespace. Constants are not seen: the compiler copies their values.
/// </summary>
internal sealed class FolderGraph
{
    private readonly string _root;
    private readonly SortedDictionary<string, SortedDictionary<string, string>> _arrows = new(StringComparer.Ordinal);

    public FolderGraph(AssemblyDefinition assembly, string rootNamespace)
    {
        _root = rootNamespace + ".";
        foreach (var type in assembly.MainModule.Types)
        {
            if (FolderOf(type) is { } folder)
            {
                foreach (var used in Uses(type))
                {
                    if (FolderOf(used) is { } other && other != folder)
                    {
                        Add(folder, other, $"{type.Name} uses {Outermost(used).Name}");
                    }
                }
            }
        }
    }

    /// <summary>Arrows that lie on a circle, each with one example.</summary>
    public IReadOnlyList<string> Circles() =>
    [
        .. _arrows.SelectMany(from => from.Value.Where(to => Reaches(to.Key, from.Key)).Select(to => $"{from.Key} -> {to.Key} ({to.Value})")),
    ];

    public bool HasArrow(string from, string to) => _arrows.TryGetValue(from, out var targets) && targets.ContainsKey(to);

    private void Add(string from, string to, string example)
    {
        if (!_arrows.TryGetValue(from, out var targets))
        {
            _arrows.Add(from, targets = new SortedDictionary<string, string>(StringComparer.Ordinal));
        }

        targets.TryAdd(to, example);
    }

    private bool Reaches(string from, string to)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var waiting = new Stack<string>([from]);
        while (waiting.TryPop(out var folder))
        {
            if (folder == to)
            {
                return true;
            }

            if (seen.Add(folder) && _arrows.TryGetValue(folder, out var targets))
            {
                foreach (var target in targets.Keys)
                {
                    waiting.Push(target);
                }
            }
        }

        return false;
    }

    private string? FolderOf(TypeReference type)
    {
        var space = Outermost(type).Namespace;
        return space.StartsWith(_root, StringComparison.Ordinal) ? space[_root.Length..].Split('.')[0] : null;
    }

    private static TypeReference Outermost(TypeReference type)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type;
    }

    private static IEnumerable<TypeReference> Uses(TypeDefinition type) =>
        DeclaredUses(type)
            .Concat(type.Fields.SelectMany(f => Attributes(f).Append(f.FieldType)))
            .Concat(type.Properties.SelectMany(Attributes))
            .Concat(type.Methods.SelectMany(Uses))
            .SelectMany(Parts)
            .Concat(type.NestedTypes.SelectMany(Uses));

    private static IEnumerable<TypeReference> DeclaredUses(TypeDefinition type)
    {
        IEnumerable<TypeReference> uses = type.Interfaces.Select(i => i.InterfaceType).Concat(type.GenericParameters.SelectMany(p => p.Constraints.Select(c => c.ConstraintType))).Concat(Attributes(type));
        return type.BaseType is { } parent ? uses.Append(parent) : uses;
    }

    private static IEnumerable<TypeReference> Uses(MethodDefinition method)
    {
        var uses = Signature(method).Concat(Attributes(method)).Concat(method.GenericParameters.SelectMany(p => p.Constraints.Select(c => c.ConstraintType)));
        return method.HasBody
            ? uses.Concat(method.Body.Variables.Select(v => v.VariableType))
                .Concat(method.Body.ExceptionHandlers.Where(h => h.CatchType is not null).Select(h => h.CatchType))
                .Concat(method.Body.Instructions.SelectMany(Uses))
            : uses;
    }

    private static IEnumerable<TypeReference> Uses(Instruction instruction) => instruction.Operand switch
    {
        TypeReference type => [type],
        FieldReference field => [field.DeclaringType, field.FieldType],
        GenericInstanceMethod method => Signature(method).Concat(method.GenericArguments),
        MethodReference method => Signature(method),
        _ => [],
    };

    private static IEnumerable<TypeReference> Signature(MethodReference method)
    {
        var uses = method.Parameters.Select(p => p.ParameterType).Append(method.ReturnType);
        return method.DeclaringType is { } type ? uses.Append(type) : uses;
    }

    private static IEnumerable<TypeReference> Attributes(ICustomAttributeProvider target) =>
        target.CustomAttributes.SelectMany(a => a.ConstructorArguments.Select(v => v.Value).OfType<TypeReference>().Append(a.AttributeType));

    /// <summary>The types that a reference is made of: <c>A</c> and <c>B</c> of <c>A&lt;B[]&gt;</c>.</summary>
    private static IEnumerable<TypeReference> Parts(TypeReference type) => type switch
    {
        GenericInstanceType generic => generic.GenericArguments.SelectMany(Parts).Append(generic.ElementType),
        IModifierType modified => Parts(modified.ElementType),
        TypeSpecification specification => Parts(specification.ElementType),
        GenericParameter => [],
        _ => [type],
    };
}
