namespace LlmProxy.Core.Trajectories;

/// <summary>A model that responded in a trajectory.</summary>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model as the responses name it, or the requested one if they name none.</param>
/// <param name="Steps">Steps whose response is its own.</param>
public sealed record RespondingModel(string Provider, string Model, int Steps);

/// <summary>The models that responded in one trajectory.</summary>
public static class RespondingModels
{
    /// <summary>The provider of a trajectory in which models of several providers responded.</summary>
    public const string Mixed = "mixed";

    /// <summary>The provider of all; <see cref="Mixed"/> for several, null without any.</summary>
    public static string? ProviderOf(IReadOnlyList<RespondingModel> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return models.Count == 0 ? null
            : models.All(model => string.Equals(model.Provider, models[0].Provider, StringComparison.OrdinalIgnoreCase)) ? models[0].Provider
            : Mixed;
    }

    /// <summary>The models with those of one step.</summary>
    public static IReadOnlyList<RespondingModel> With(IReadOnlyList<RespondingModel> models, RespondingModel? step) => Change(models, step, 1);

    /// <summary>The models without those of one step.</summary>
    public static IReadOnlyList<RespondingModel> Without(IReadOnlyList<RespondingModel> models, RespondingModel? step) => Change(models, step, -1);

    private static IReadOnlyList<RespondingModel> Change(IReadOnlyList<RespondingModel> models, RespondingModel? step, int sign)
    {
        ArgumentNullException.ThrowIfNull(models);
        if (step is null)
        {
            return models;
        }

        var (found, changed) = (false, new List<RespondingModel>(models.Count + 1));
        foreach (var model in models)
        {
            var isSame = (model.Provider, model.Model) == (step.Provider, step.Model);
            found |= isSame;
            var steps = model.Steps + (isSame ? sign * step.Steps : 0);
            if (steps > 0)
            {
                changed.Add(model with { Steps = steps });
            }
        }

        if (!found && sign > 0)
        {
            changed.Add(step);
        }

        return changed;
    }
}
