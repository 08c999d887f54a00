using System.Numerics.Tensors;

namespace LlmProxy.Benchmarks.Search;

/// <summary>
/// Made-up vectors that lie as those of texts do: tasks of one kind together, kinds apart, and all of them in far fewer
/// directions than a vector has numbers. (Vectors that are random in every number are all equally far from each other:
/// there is nothing near to be found, and no index finds it.)
/// </summary>
internal sealed class TaskVectors
{
    private const int Directions = 48;
    private const int RunsOfKind = 40;
    private const float Spread = 0.6f;
    private const float Noise = 0.02f;

    private readonly int _dimensions;
    private readonly float[][] _projection;
    private readonly float[][] _kinds;

    public TaskVectors(int runs, int dimensions)
    {
        _dimensions = dimensions;
        var random = new Random(4711);
        _projection = [.. Enumerable.Range(0, Directions).Select(_ => Normal(random, dimensions))];
        _kinds = [.. Enumerable.Range(0, Math.Max(1, runs / RunsOfKind)).Select(_ => Normal(random, Directions))];
    }

    public int Kinds => _kinds.Length;

    /// <summary>The vector of a run, of length 1; the same for a number each time.</summary>
    public float[] Run(int number) => Make(number % Kinds, new Random(number));

    /// <summary>The vector of a new task of a kind.</summary>
    public float[] Query(int number) => Make(number * 37 % Kinds, new Random(-1 - number));

    private float[] Make(int kind, Random random)
    {
        var place = Normal(random, Directions);
        TensorPrimitives.MultiplyAdd(place, Spread, _kinds[kind], place);
        var vector = Normal(random, _dimensions);
        TensorPrimitives.Multiply(vector, Noise * MathF.Sqrt(Directions), vector);
        for (var i = 0; i < Directions; i++)
        {
            TensorPrimitives.MultiplyAdd(_projection[i], place[i], vector, vector);
        }

        TensorPrimitives.Divide(vector, TensorPrimitives.Norm<float>(vector), vector);
        return vector;
    }

    private static float[] Normal(Random random, int length)
    {
        var numbers = new float[length];
        for (var i = 0; i < length; i++)
        {
            // Box and Muller, 1958.
            numbers[i] = MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(2 * MathF.PI * random.NextSingle());
        }

        return numbers;
    }
}
