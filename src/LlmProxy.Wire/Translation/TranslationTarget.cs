namespace LlmProxy.Wire.Translation;

/// <summary>Where a translated request goes.</summary>
public sealed class TranslationTarget
{
    /// <summary>The dialect that the target speaks; one of <see cref="ConversationTranslator.Dialects"/>.</summary>
    public required DialectKind Dialect { get; init; }

    /// <summary>The model that the target is asked for.</summary>
    public required string Model { get; init; }

    /// <summary>What the model takes and refuses; null for the rules that its name implies.</summary>
    public ModelRules? Rules { get; init; }

    /// <summary>The clock of the times that replies state; null for the system's.</summary>
    public TimeProvider? Time { get; init; }
}
