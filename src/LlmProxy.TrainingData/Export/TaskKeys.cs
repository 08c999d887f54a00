using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.TrainingData.Export;

/// <summary>Keys of runs of the same task and of the same conversation: eight bytes each, since those of all runs are held at once.</summary>
internal static class TaskKeys
{
    /// <summary>Key of the run's task: its description without differences of case and blanks; a run without one is a task of its own.</summary>
    public static ulong Task(Trajectory run)
    {
        var words = run.TaskDescription.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 0 ? Hash("run\n" + run.Id) : Hash("task\n" + string.Join(' ', words).ToLowerInvariant());
    }

    /// <summary>Key of the run's conversation.</summary>
    public static ulong Conversation(Trajectory run) => Hash("conversation\n" + run.ConversationId);

    /// <summary>A key as text.</summary>
    public static string Text(ulong key) => key.ToString("x16", CultureInfo.InvariantCulture);

    private static ulong Hash(string text)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(text), hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }
}

/// <summary>Divides runs into training and validation, so that no task and no conversation is on both sides.</summary>
internal sealed class SplitPlan
{
    private readonly Dictionary<ulong, ulong> _parents = [];
    private readonly Dictionary<ulong, int> _runs = [];
    private readonly HashSet<ulong> _validation = [];

    /// <summary>Takes a run in. Those that are not exported bind tasks and conversations together too.</summary>
    public void Add(Trajectory run, bool isSelected)
    {
        var (a, b) = (Root(TaskKeys.Task(run)), Root(TaskKeys.Conversation(run)));
        if (a != b)
        {
            // The smaller key is the root, so that the order of runs does not matter.
            (a, b) = a < b ? (a, b) : (b, a);
            _parents[b] = a;
            _runs[a] = _runs.GetValueOrDefault(a) + _runs.GetValueOrDefault(b);
        }

        if (isSelected)
        {
            _runs[a] = _runs.GetValueOrDefault(a) + 1;
        }
    }

    /// <summary>Decides: groups in the order of their keys (which are hashes) until the share is reached.</summary>
    public void Decide(double share)
    {
        var groups = _runs.Where(g => g.Value > 0 && Root(g.Key) == g.Key).OrderBy(g => g.Key).ToList();
        var wanted = groups.Sum(g => g.Value) * share;
        var taken = 0;
        foreach (var (group, runs) in groups)
        {
            if (taken < wanted && groups.Count > 1)
            {
                _validation.Add(group);
                taken += runs;
            }
        }
    }

    /// <summary>Whether a run belongs to the validation file.</summary>
    public bool IsValidation(Trajectory run) => _validation.Count > 0 && _validation.Contains(Root(TaskKeys.Task(run)));

    private ulong Root(ulong key)
    {
        var root = key;
        while (_parents.TryGetValue(root, out var parent))
        {
            root = parent;
        }

        while (key != root)
        {
            var next = _parents[key];
            _parents[key] = root;
            key = next;
        }

        return root;
    }
}
