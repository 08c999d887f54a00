namespace LlmProxy.Architecture.Tests.Samples.One
{
    /// <summary>Names another folder in a signature, and one inside of a lambda.</summary>
    public sealed class First
    {
        public static Func<object> Make => () => new Four.Fourth();

        public IReadOnlyList<Two.Second[]>? Others { get; init; }
    }
}

namespace LlmProxy.Architecture.Tests.Samples.Two
{
    /// <summary>Names another folder inside of an asynchronous method.</summary>
    public sealed class Second
    {
        public static async Task<int> CountAsync()
        {
            await Task.Yield();
            return Three.Third.Count;
        }
    }
}

namespace LlmProxy.Architecture.Tests.Samples.Three
{
    /// <summary>Names another folder in a method's body.</summary>
    public sealed class Third
    {
        public static int Count => new One.First().Others?.Count ?? 0;
    }
}

namespace LlmProxy.Architecture.Tests.Samples.Four
{
    /// <summary>Names no other folder.</summary>
    public sealed class Fourth;
}
