using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>Whose model responded, by the name in the response. Gateways accept the names of one provider and respond with another's model.</summary>
internal sealed class Provenance(IReadOnlyList<ModelProvider> models, RecordingOptions recording)
{
    private readonly ProviderResolver _providers = new(models);

    /// <summary>The model of a call; null if nothing of a model came.</summary>
    public RespondingModel? Of(ExchangeHead head, AssembledReply? reply, Redactor redactor) =>
        reply is not { HasSubstance: true } ? null
        : reply.Model is { Length: > 0 } model ? new RespondingModel(ProviderOf(head, model), redactor.Redact(model), 1)
        : new RespondingModel(head.Provider, redactor.Redact(head.Model), 1);

    /// <summary>The model of a stored step, among those of its trajectory.</summary>
    public RespondingModel? Of(Trajectory row, StepView view) =>
        row.AnsweredBy.FirstOrDefault(model => string.Equals(model.Model, view.Step.Model, StringComparison.Ordinal)) is { } known && view.Step.Status == StepStatus.Ok
            ? known with { Steps = 1 }
            : null;

    /// <summary>Whether the content of a call is kept.</summary>
    public bool Keeps(ExchangeHead head, RespondingModel? model) => model is null ? head.KeepContent : IsRecorded(model.Provider);

    /// <summary>Whether content of other providers is stored, hidden, until the grace ends.</summary>
    public bool StoresOthers => recording.Grace > TimeSpan.Zero;

    /// <summary>A new trajectory's row: content of another provider is marked.</summary>
    public Trajectory Mark(Trajectory row) =>
        row.HasContent || !StoresOthers ? row : row with { HasContent = true, WhyNoContent = NotRecordedReason.ProviderNotRecorded };

    /// <summary>Begins to keep the content of a trajectory that had none, or only for the grace, because of its models so far.</summary>
    /// <returns>Whether the content begins with this call, after calls without: then its whole history is new.</returns>
    public bool Settle(TrajectoryState run, bool keeps)
    {
        if (keeps && run.Row.WhyNoContent == NotRecordedReason.ProviderNotRecorded)
        {
            run.Row = run.Row with { WhyNoContent = null, EraseAt = null };
            if (run.KeepContent)
            {
                return false;
            }
        }

        if (keeps && !run.KeepContent && !run.Row.AnsweredBy.Any(model => IsRecorded(model.Provider)) && !IsRecorded(run.Row.Provider))
        {
            run.KeepContent = true;
            return run.LastStep is not null;
        }

        if (!keeps && run is { LastStep: null, KeepContent: true } && StoresOthers)
        {
            run.Row = run.Row with { WhyNoContent = NotRecordedReason.ProviderNotRecorded };
            return false;
        }

        run.KeepContent &= keeps || run.LastStep is not null;
        return false;
    }

    /// <summary>Whether the content of a step is stored: what is kept, and of a trajectory that is not kept everything until the grace ends.</summary>
    public static bool Stores(TrajectoryState run, bool keeps) => run.KeepContent && (keeps || run.Row.WhyNoContent == NotRecordedReason.ProviderNotRecorded);

    /// <summary>The row with the model of a step.</summary>
    public static Trajectory AddTo(Trajectory row, RespondingModel? model)
    {
        var models = RespondingModels.With(row.AnsweredBy, model);
        return row with { AnsweredBy = models, Provider = RespondingModels.ProviderOf(models) ?? row.Provider };
    }

    private bool IsRecorded(string provider) => recording.Providers.Contains(provider, StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The provider of the model that a response names. A name that no entry of <c>Models</c> knows is the route's, unless
    /// the requested name decided the provider: then the response is another model's.
    /// </summary>
    private string ProviderOf(ExchangeHead head, string model) =>
        _providers.Find(model)
        ?? (_providers.Find(head.Model) is null || head.Model.Contains(model, StringComparison.OrdinalIgnoreCase) ? head.Provider : ProviderResolver.Unknown);
}
