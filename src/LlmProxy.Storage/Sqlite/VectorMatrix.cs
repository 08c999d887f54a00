using System.Buffers;
using System.Numerics.Tensors;

namespace LlmProxy.Storage.Sqlite;

/// <summary>
/// All vectors of one tenant, model and dimension in memory, of length 1, rounded to bytes and searched by SIMD. They
/// are stored one after the other in blocks of about a megabyte: growing copies nothing, and a removed vector's place is
/// taken by the last one. Safe for concurrent use.
/// </summary>
/// <remarks>
/// A number is its byte times the vector's own step, its largest number divided by 127. That takes a quarter of the
/// memory, and of the time, which is what reading it costs. Similarities are therefore near ones (to some thousandths):
/// for exact ones, compare the few best with the stored vectors.
/// </remarks>
internal sealed class VectorMatrix(int dimensions) : IDisposable
{
    private const int BlockNumbers = 1024 * 1024;

    private readonly int _perBlock = Math.Max(1, BlockNumbers / dimensions);
    private readonly List<sbyte[]> _blocks = [];
    private readonly List<float> _steps = [];
    private readonly List<(long Run, string Kind)> _owners = [];
    private readonly Dictionary<long, List<int>> _positions = [];
    private readonly ReaderWriterLockSlim _lock = new();

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
                _steps.Add(0);
                positions.Add(position);
                if (position / _perBlock == _blocks.Count)
                {
                    _blocks.Add(new sbyte[_perBlock * dimensions]);
                }
            }

            _steps[position] = Round(vector, At(position));
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
                    _steps[position] = _steps[last];
                    var moved = _owners[last];
                    _owners[position] = moved;
                    var places = _positions[moved.Run];
                    places[places.IndexOf(last)] = position;
                }

                _owners.RemoveAt(last);
                _steps.RemoveAt(last);
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
        var rounded = new sbyte[dimensions];
        var step = Round(query, rounded);
        var wide = Array.ConvertAll(rounded, number => (short)number);
        _lock.EnterReadLock();
        var scores = ArrayPool<float>.Shared.Rent(Math.Max(1, _owners.Count));
        try
        {
            for (var i = 0; i < _owners.Count; i++)
            {
                scores[i] = ByteVectors.Dot(wide, At(i)) * step * _steps[i];
            }

            return Best(scores, count);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(scores);
            _lock.ExitReadLock();
        }
    }

    public void Dispose() => _lock.Dispose();

    private Span<sbyte> At(int position) => _blocks[position / _perBlock].AsSpan(position % _perBlock * dimensions, dimensions);

    private List<(long Run, double Similarity)> Best(float[] scores, int count)
    {
        // A heap of the best so far, its worst on top. A run can be in it several times, so that it holds more
        // entries than runs are wanted; whether that was enough is seen at the end.
        for (var room = (long)count * 2; ; room *= 4)
        {
            var heap = new PriorityQueue<int, (float Score, long Age)>();
            var least = float.NegativeInfinity;
            for (var i = 0; i < _owners.Count; i++)
            {
                if (heap.Count < room)
                {
                    heap.Enqueue(i, (scores[i], -_owners[i].Run));
                    least = heap.Count == room && heap.TryPeek(out _, out var worst) ? worst.Score : least;
                }
                else if (scores[i] >= least)
                {
                    heap.EnqueueDequeue(i, (scores[i], -_owners[i].Run));
                    least = heap.TryPeek(out _, out var worst) ? worst.Score : least;
                }
            }

            var seen = new HashSet<long>();
            var best = new List<(long Run, double Similarity)>(count);
            foreach (var (position, _) in heap.UnorderedItems.OrderByDescending(e => e.Priority))
            {
                if (best.Count < count && seen.Add(_owners[position].Run))
                {
                    best.Add((_owners[position].Run, Math.Clamp((double)scores[position], -1, 1)));
                }
            }

            if (best.Count == count || heap.Count == _owners.Count)
            {
                return best;
            }
        }
    }

    /// <summary>Rounds a vector, made of length 1, to bytes. Returns what a byte of 1 represents; 0 for a vector without a length.</summary>
    private static float Round(ReadOnlySpan<float> vector, Span<sbyte> bytes)
    {
        var length = TensorPrimitives.Norm(vector);
        var largest = TensorPrimitives.MaxMagnitude(vector);
        if (!(length > 0) || !float.IsFinite(length))
        {
            bytes.Clear();
            return 0;
        }

        var scale = 127 / Math.Abs(largest);
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (sbyte)MathF.Round(vector[i] * scale);
        }

        return 1 / (scale * length);
    }
}
