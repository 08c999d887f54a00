namespace LlmProxy.TrainingData.Import;

/// <summary>Reads a table of a SQLite file that another program writes: each row as texts by column; nothing if there is no such table.</summary>
/// <param name="file">The file.</param>
/// <param name="table">Name of the table.</param>
/// <param name="column">A column that must have <paramref name="value"/>, or null for all rows.</param>
/// <param name="value">The value.</param>
/// <param name="cancellationToken">Cancels it.</param>
/// <exception cref="Core.Stores.StoreException">The file cannot be read.</exception>
public delegate Task<IReadOnlyList<IReadOnlyDictionary<string, string?>>> ReadTable(string file, string table, string? column, string? value, CancellationToken cancellationToken);
