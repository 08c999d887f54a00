using System.Data.Common;
using System.Globalization;
using LlmProxy.Core;
using LlmProxy.Core.Assistants;

namespace LlmProxy.Storage.Sql;

/// <content>Answers of models that were asked for trajectories, and the budgets that they are paid from.</content>
public abstract partial class SqlTrajectoryStore
{
    private const string AssistanceColumns = "a.assistance_key, t.id, a.kind, a.model, a.input_tokens, a.output_tokens, a.micro_usd, a.text, a.at";
    private const decimal MicroUsd = 1_000_000;

    /// <inheritdoc />
    /// <remarks>The update locks the day's row: of concurrent callers the second sees what the first has reserved.</remarks>
    Task<bool> IAssistanceStore.ReserveAsync(BudgetReservation reservation, decimal maxUsdPerDay, CancellationToken cancellationToken) =>
        WriteAsync(
            "reserve a call's cost",
            removes: false,
            async s =>
            {
                await s.ExecuteAsync(
                    [
                        // The day's sum holds them already, so an expired one is a charge from here on.
                        new SqlStatement("DELETE FROM assistant_reservation WHERE expires_at <= @now").With("now", Time.GetUtcNow()),
                        OfBudget("INSERT INTO assistant_budget (name, day, micro_usd) VALUES (@name, @day, 0) ON CONFLICT (name, day) DO NOTHING", reservation),
                    ],
                    cancellationToken);
                var hasMoney = await s.ReturnsRowAsync(
                    OfBudget("UPDATE assistant_budget SET micro_usd = micro_usd + @micros WHERE name = @name AND day = @day AND micro_usd + @micros <= @most RETURNING micro_usd", reservation)
                        .With("micros", Micros(reservation.Usd)).With("most", (long)(maxUsdPerDay * MicroUsd)),
                    cancellationToken);
                if (hasMoney)
                {
                    await s.ExecuteAsync(
                        OfBudget("INSERT INTO assistant_reservation (id, name, day, micro_usd, expires_at) VALUES (@id, @name, @day, @micros, @expires)", reservation)
                            .With("id", reservation.Id).With("micros", Micros(reservation.Usd)).With("expires", reservation.ExpiresAt),
                        cancellationToken);
                }

                return hasMoney;
            },
            cancellationToken);

    /// <inheritdoc />
    Task IAssistanceStore.SettleAsync(BudgetReservation reservation, string tenant, decimal usd, Assistance? assistance, CancellationToken cancellationToken) =>
        ChangeAsync(
            "settle a call's cost",
            async s =>
            {
                if (await s.ReturnsRowAsync(new SqlStatement("DELETE FROM assistant_reservation WHERE id = @id RETURNING micro_usd").With("id", reservation.Id), cancellationToken))
                {
                    await s.ExecuteAsync(
                        OfBudget("UPDATE assistant_budget SET micro_usd = micro_usd + @change WHERE name = @name AND day = @day", reservation)
                            .With("change", Micros(usd) - Micros(reservation.Usd)),
                        cancellationToken);
                }

                if (assistance is null || await RowsOfAsync(s, tenant, assistance.TrajectoryId, cancellationToken) is not [var row])
                {
                    return;
                }

                await s.ExecuteAsync(
                    new SqlStatement(
                        """
                        INSERT INTO assistance (assistance_key, trajectory_row, kind, model, input_tokens, output_tokens, micro_usd, text, at)
                        VALUES (@key, @row, @kind, @model, @input, @output, @micros, @text, @at) ON CONFLICT (assistance_key) DO NOTHING
                        """)
                        .With("key", assistance.Key).With("row", row).With("kind", EnumWords.Snake(assistance.Kind)).With("model", assistance.Model)
                        .With("input", assistance.InputTokens).With("output", assistance.OutputTokens).With("micros", Micros(assistance.CostUsd))
                        .With("text", assistance.Text).With("at", assistance.At),
                    cancellationToken);
            },
            cancellationToken);

    /// <inheritdoc />
    async Task<decimal> IAssistanceStore.ReadSpentAsync(string budget, DateOnly day, CancellationToken cancellationToken) =>
        await ReadAsync(
            "read a budget",
            s => s.QueryFirstAsync(
                new SqlStatement("SELECT micro_usd FROM assistant_budget WHERE name = @name AND day = @day").With("name", budget).With("day", Text(day)), r => r.GetInt64(0), cancellationToken),
            cancellationToken) / MicroUsd;

    /// <inheritdoc />
    Task<Assistance?> IAssistanceStore.FindAssistanceAsync(string tenant, string key, CancellationToken cancellationToken) =>
        ReadAsync(
            "look up an assistance",
            s => s.QueryFirstAsync(
                new SqlStatement($"SELECT {AssistanceColumns} FROM assistance a JOIN task_trajectory t ON t.row_id = a.trajectory_row WHERE a.assistance_key = @key AND t.tenant = @tenant")
                    .With("key", key).With("tenant", tenant),
                r => (Assistance?)ReadAssistance(s, r),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    Task<IReadOnlyList<Assistance>> IAssistanceStore.ListAssistancesAsync(string tenant, string trajectoryId, CancellationToken cancellationToken) =>
        QueryAsync(
            "list assistances",
            _ => new SqlStatement($"SELECT {AssistanceColumns} FROM assistance a JOIN task_trajectory t ON t.row_id = a.trajectory_row WHERE t.id = @id AND t.tenant = @tenant ORDER BY a.at, a.assistance_key")
                .With("id", trajectoryId).With("tenant", tenant),
            ReadAssistance,
            cancellationToken);

    private static Assistance ReadAssistance(SqlSession session, DbDataReader r) => new(
        r.GetString(0), r.GetString(1), StoredWord.Parse<AssistanceKind>(r.GetString(2)), r.GetString(3), Long(r, 4), Long(r, 5), r.GetInt64(6) / MicroUsd, r.Text(7), session.ReadTime(r, 8));

    private static SqlStatement OfBudget(string text, BudgetReservation reservation) =>
        new SqlStatement(text).With("name", reservation.Budget).With("day", Text(reservation.Day));

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    // A part of a millionth counts as one: a budget is never exceeded by rounding.
    private static long Micros(decimal usd) => (long)decimal.Ceiling(usd * MicroUsd);

    private static long? Long(DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt64(column);
}
