namespace LlmProxy.Core.Assistants;

/// <summary>Keeps answers of models with their trajectories, and the budgets that they are paid from.</summary>
/// <remarks>Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
internal interface IAssistanceStore
{
    /// <summary>
    /// Sets money aside if the day's budget has it. Reservations count as spent, so callers of all processes together
    /// never reserve more than the budget.
    /// </summary>
    Task<bool> ReserveAsync(BudgetReservation reservation, decimal maxUsdPerDay, CancellationToken cancellationToken);

    /// <summary>
    /// Replaces a reservation by what the call cost, and records its answer, in one transaction. A reservation that was
    /// settled or has expired is charged already, and is not charged again.
    /// </summary>
    Task SettleAsync(BudgetReservation reservation, string tenant, decimal usd, Assistance? assistance, CancellationToken cancellationToken);

    /// <summary>What a day's budget has spent, reservations included.</summary>
    Task<decimal> ReadSpentAsync(string budget, DateOnly day, CancellationToken cancellationToken);

    /// <summary>The recorded answer with a key, or null.</summary>
    Task<Assistance?> FindAssistanceAsync(string tenant, string key, CancellationToken cancellationToken);

    /// <summary>The answers recorded with a trajectory, in the order in which they came.</summary>
    Task<IReadOnlyList<Assistance>> ListAssistancesAsync(string tenant, string trajectoryId, CancellationToken cancellationToken);
}
