using Yarp.ReverseProxy.Transforms.Builder;

namespace LlmProxy.Server;

/// <summary>A provider of request transforms that needs no validation of routes and clusters.</summary>
internal abstract class RouteTransform : ITransformProvider
{
    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    public abstract void Apply(TransformBuilderContext context);
}
