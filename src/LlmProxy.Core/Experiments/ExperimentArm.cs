using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Core.Experiments;

/// <summary>Which arm of the experiment a task is in: by a hash of its id, so that every replica says the same.</summary>
public static class ExperimentArm
{
    /// <summary>The arm that gets no examples.</summary>
    public const string Holdout = "holdout";

    /// <summary>The arm that gets examples.</summary>
    public const string Examples = "examples";

    /// <summary>The arm of a task; null where there is no experiment.</summary>
    public static string? Of(ExperimentOptions options, string taskId)
    {
        if (!options.Enabled)
        {
            return null;
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(taskId));
        return BinaryPrimitives.ReadUInt32BigEndian(hash) < options.Holdout * uint.MaxValue ? Holdout : Examples;
    }
}
