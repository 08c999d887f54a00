using Xunit.Abstractions;
using Xunit.Sdk;

namespace LlmProxy.Tests.Storage;

/// <summary>
/// A test of the suite that all stores share. Inherited by a class with <see cref="NeedsPostgresAttribute"/> it is
/// skipped, with the reason, where PostgreSQL with pgvector is not installed.
/// </summary>
[XunitTestCaseDiscoverer("LlmProxy.Tests.Storage.StoreFactDiscoverer", "LlmProxy.TestSupport")]
[AttributeUsage(AttributeTargets.Method)]
public sealed class StoreFactAttribute : FactAttribute;

/// <summary>On a class whose tests need the throw-away PostgreSQL server.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NeedsPostgresAttribute : Attribute;

public sealed class StoreFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        new StoreTestCase(DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod);
}

/// <summary>A test that asks the class it runs in whether it can run.</summary>
public sealed class StoreTestCase : XunitTestCase
{
    [Obsolete("For deserialization.", error: true)]
    public StoreTestCase()
    {
    }

    public StoreTestCase(IMessageSink messages, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod testMethod)
        : base(messages, display, options, testMethod)
    {
    }

    protected override string GetSkipReason(IAttributeInfo factAttribute) =>
        TestMethod.TestClass.Class.GetCustomAttributes(typeof(NeedsPostgresAttribute)).Any()
            ? PostgresServer.WhyNot ?? base.GetSkipReason(factAttribute)
            : base.GetSkipReason(factAttribute);
}
