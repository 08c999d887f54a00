using System.Buffers;
using System.Numerics.Tensors;

namespace LlmProxy.Core.Storage.Sqlite;

/// <summary>
/// All vectors of one tenant, model and dimension in memory, of length 1, searched by SIMD. They stand one behind the
/// other in blocks of about a megabyte: growing copies nothing, and a removed vector's place is taken by the last one.
/// Safe for concurrent use.
/// </summary>
internal sealed class VectorMatrix : IDisposable
{
    private const int BlockFloats = 256 * 1024;

    private readonly int _dimensions;
    private readonly int _perBlock;
    private readonly List<float[]> _blocks = [];
    private readonly List<(long Run, string Kind)> _owners = [];
    private readonly Dictionary<long, List<int>> _positions = [];
    private readonly ReaderWriterLockSlim _lock = new();

    public VectorMatrix(int dimensions)
    {
        _dimensions = dimensions;
        _perBlock = Math.Max(1, BlockFloats / dimensions);
    }

    /// <summary>Adds a vector, or puts it in the place of the one with the same run and kind.</summary>
    public void Set(long run, string kind, ReadOnlySpan<float> vector)
    {
        _lock.EnterWriteLock();
        try
        {
            if (!_positions.TryGetValue(run, out var positions))
            {
                _positions.Add(run, positions = []);
            }

            var position = positions.FindIndex(p => string.Equals(_owners[p].Kind, kind, StringComparison.Ordinal));
            if (position >= 0)
            {
                position = positions[position];
            }
            else
            {
                position = _owners.Count;
                _owners.Add((run, kind));
                positions.Add(position);
                if (position / _perBlock == _blocks.Count)
                {
                    _blocks.Add(new float[_perBlock * _dimensions]);
                }
            }

            Normalize(vector, At(position));
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    /// <summary>Removes all vectors of a run.</summary>
    public void Remove(long run)
    {
        _lock.EnterWriteLock();
        try
        {
            if (!_positions.Remove(run, out var positions))
            {
                return;
            }

            // From the back, so that the last vector, which moves into the gap, is never one that goes too.
            foreach (var position in positions.OrderDescending())
            {
                var last = _owners.Count - 1;
                if (position != last)
                {
                    At(last).CopyTo(At(position));
                    var moved = _owners[last];
                    _owners[position] = moved;
                    var places = _positions[moved.Run];
                    places[places.IndexOf(last)] = position;
                }

                _owners.RemoveAt(last);
            }
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    /// <summary>The runs whose best vector is nearest, best first; ties by the older run.</summary>
    public IReadOnlyList<(long Run, double Similarity)> Nearest(ReadOnlySpan<float> query, int count)
    {
        var unit = new float[_dimensions];
        Normalize(query, unit);
        _lock.EnterReadLock();
        var scores = ArrayPool<float>.Shared.Rent(Math.Max(1, _owners.Count));
        try
        {
            for (var i = 0; i < _owners.Count; i++)
            {
                scores[i] = TensorPrimitives.Dot<float>(unit, At(i));
            }

            return Best(scores, count);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(scores);
            _lock.ExitReadLock();
        }
    }

    /// <summary>The best cosine of a run's vectors, or null where it has none.</summary>
    public double? Similarity(long run, ReadOnlySpan<float> query)
    {
        var unit = new float[_dimensions];
        Normalize(query, unit);
        _lock.EnterReadLock();
        try
        {
            return _positions.TryGetValue(run, out var positions) ? positions.Max(p => Cosine(TensorPrimitives.Dot<float>(unit, At(p)))) : null;
        }
        finally
        {
            _lock.ExitReadLock();
        }
    }

    public void Dispose() => _lock.Dispose();

    private Span<float> At(int position) => _blocks[position / _perBlock].AsSpan(position % _perBlock * _dimensions, _dimensions);

    private List<(long Run, double Similarity)> Best(float[] scores, int count)
    {
        // A heap of the best so far, its worst on top. A run can stand in it several times, so that it holds more
        // entries than runs are wanted; whether that was enough is seen at the end.
        for (var room = (long)count * 2; ; room *= 4)
        {
            var heap = new PriorityQueue<int, (float Score, long Age)>();
            for (var i = 0; i < _owners.Count; i++)
            {
                var priority = (scores[i], -_owners[i].Run);
                if (heap.Count < room)
                {
                    heap.Enqueue(i, priority);
                }
                else
                {
                    heap.EnqueueDequeue(i, priority);
                }
            }

            var seen = new HashSet<long>();
            var best = new List<(long Run, double Similarity)>(count);
            foreach (var (position, _) in heap.UnorderedItems.OrderByDescending(e => e.Priority))
            {
                if (best.Count < count && seen.Add(_owners[position].Run))
                {
                    best.Add((_owners[position].Run, Cosine(scores[position])));
                }
            }

            if (best.Count == count || heap.Count == _owners.Count)
            {
                return best;
            }
        }
    }

    private static double Cosine(float dot) => Math.Clamp((double)dot, -1, 1);

    private static void Normalize(ReadOnlySpan<float> vector, Span<float> unit)
    {
        var length = TensorPrimitives.Norm(vector);
        if (length > 0 && float.IsFinite(length))
        {
            TensorPrimitives.Divide(vector, length, unit);
        }
        else
        {
            unit.Clear();
        }
    }
}
