using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>The rules over the files of a set together.</summary>
internal static class SetRules
{
    public static void Check(TemplateIndex index, SettingsFile? settings, List<TemplateDiagnostic> found)
    {
        string[] providers = [.. PromptBudget.Providers, .. settings?.Providers.Select(provider => provider.Name) ?? []];
        foreach (var file in index.Files)
        {
            CheckIncludes(index, file, found);
            CheckLocals(file, found);
        }

        CheckGlobals(index, found);
        CheckUse(index, providers, found);
        if (settings is not null)
        {
            CheckProviders(index, settings, found);
        }
    }

    private static void CheckIncludes(TemplateIndex index, TemplateFile file, List<TemplateDiagnostic> found)
    {
        foreach (var include in file.Names.Includes)
        {
            if (NameUse.IncludedName(include) is not { } name)
            {
                if (include.Arguments.Count > 0 && include.Target is ScriptVariableGlobal { Name: "include" })
                {
                    Add(
                        Rules.ComputedInclude,
                        file,
                        include.Arguments[0].Span,
                        "Which template is included here is known only when it is rendered, so neither it nor this one can be checked: write the name, and choose with `if` or `case`.");
                }

                continue;
            }

            if (index.Resolve(name) is not { } target)
            {
                var near = Suggestion.Nearest(name, index.Files.Select(other => TemplateIndex.NameOf(other.Path)));
                Add(
                    Rules.MissingInclude,
                    file,
                    include.Arguments[0].Span,
                    $"There is no template `{name}`: " + (near is null ? $"add {name}{TemplatePaths.Extension} to the folder, or correct the name." : $"did you mean `{near}`?"));
            }
            else
            {
                CheckArguments(file, include, target, found);
                CheckCircle(index, file, include, target, found);
            }
        }

        void Add(Rule rule, TemplateFile of, Scriban.Parsing.SourceSpan span, string message) => found.Add(new TemplateDiagnostic(rule, of.Place(span), message));
    }

    /// <summary>An argument that the included template does not read is a typing error in one of the two.</summary>
    private static void CheckArguments(TemplateFile file, ScriptFunctionCall include, TemplateFile target, List<TemplateDiagnostic> found)
    {
        if (target.Template.HasErrors || target.Names.ReadsAnyArgument)
        {
            return;
        }

        foreach (var argument in include.Arguments.OfType<ScriptNamedArgument>())
        {
            if (!target.Names.Locals.Read.Contains(argument.Name!.Name))
            {
                var read = target.Names.Locals.Read.Where(name => !target.Names.Locals.Knows(name)).ToList();
                var near = Suggestion.Nearest(argument.Name!.Name, read);
                found.Add(new TemplateDiagnostic(
                    Rules.UnknownArgument,
                    file.Place(argument.Name!.Span),
                    $"{target.Path} does not read ${argument.Name!.Name}: " + (near is null ? "remove the argument." : $"did you mean `{near}`?")));
            }
        }
    }

    private static void CheckCircle(TemplateIndex index, TemplateFile file, ScriptFunctionCall include, TemplateFile target, List<TemplateDiagnostic> found)
    {
        if (!index.ReachedFrom(target).Contains(file))
        {
            return;
        }

        var way = ReferenceEquals(file, target) ? file.Path + " includes itself" : $"{file.Path} includes {target.Path}, which includes {file.Path} again";
        found.Add(new TemplateDiagnostic(
            Rules.IncludeCircle, file.Place(include.Arguments[0].Span), $"{way}, and the rendering would not end: move what both need into a third template."));
    }

    /// <summary>Names with <c>$</c> belong to their file.</summary>
    private static void CheckLocals(TemplateFile file, List<TemplateDiagnostic> found)
    {
        foreach (var pair in file.Names.Locals.Assigned.Where(pair => !file.Names.Locals.Read.Contains(pair.Key)))
        {
            AddUnused(file, "$" + pair.Key, pair.Value, found);
        }
    }

    /// <summary>Names without <c>$</c> are seen by every template of a rendering.</summary>
    private static void CheckGlobals(TemplateIndex index, List<TemplateDiagnostic> found)
    {
        var read = new HashSet<string>(index.Files.SelectMany(file => file.Names.Globals.Read), StringComparer.Ordinal);
        if (index.Files.Any(file => file.Template.HasErrors))
        {
            return;
        }

        foreach (var file in index.Files)
        {
            foreach (var pair in file.Names.Globals.Assigned.Where(pair => !read.Contains(pair.Key)))
            {
                AddUnused(file, pair.Key, pair.Value, found);
            }
        }
    }

    private static void AddUnused(TemplateFile file, string name, (Scriban.Parsing.SourceSpan Span, bool IsFunction) at, List<TemplateDiagnostic> found) =>
        found.Add(new TemplateDiagnostic(
            Rules.UnusedVariable,
            file.Place(at.Span),
            at.IsFunction ? $"The function `{name}` is never called: remove it." : $"`{name}` is given a value that nothing reads: remove it, or is it read under another name?"));

    private static void CheckUse(TemplateIndex index, string[] providers, List<TemplateDiagnostic> found)
    {
        // What an unknown name includes may be any of them, and what a broken file includes is not known.
        var includes = index.Files.SelectMany(file => file.Names.Includes).ToList();
        if (index.Files.Any(file => file.Template.HasErrors) || includes.Any(include => NameUse.IncludedName(include) is null))
        {
            return;
        }

        var used = new HashSet<TemplateFile>();
        foreach (var root in index.Files.Where(file => TemplatePaths.IsProviderTemplate(file.Path, providers) || file.Path == TemplateChecker.ExamplesTemplate))
        {
            used.UnionWith(index.ReachedFrom(root));
        }

        foreach (var file in index.Files.Where(file => !used.Contains(file)))
        {
            var near = Suggestion.Nearest(TemplatePaths.FirstName(file.Path), providers);
            found.Add(new TemplateDiagnostic(
                Rules.UnusedTemplate,
                file.Beginning,
                "Nothing renders this template: " + (near is null
                    ? $"include it, remove it, or name it after a provider ({string.Join(", ", providers.Distinct(StringComparer.OrdinalIgnoreCase))})."
                    : $"it is no provider's and nothing includes it; is it meant for the provider `{near}`?")));
        }
    }

    private static void CheckProviders(TemplateIndex index, SettingsFile settings, List<TemplateDiagnostic> found)
    {
        var names = new HashSet<string>(index.Files.Select(file => TemplateIndex.NameOf(file.Path)), StringComparer.OrdinalIgnoreCase);
        var reported = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, span) in settings.Providers)
        {
            if (!names.Contains(name) && reported.Add(name))
            {
                var fallback = names.Contains("proxy") && !string.Equals(name, "anthropic", StringComparison.OrdinalIgnoreCase)
                    ? "its models get the advice of proxy.sbn, which is made for unknown ones"
                    : "the prompts of its models stay as they are, without examples";
                found.Add(new TemplateDiagnostic(
                    Rules.ProviderWithoutTemplate, span, $"The provider \"{name}\" has no template, so {fallback}: add {name}{TemplatePaths.Extension}, or name another provider here."));
            }
        }
    }
}
