using LlmProxy.Wire;
namespace LlmProxy.TrainingData.Conversations;

/// <summary>Keeps the last images and puts a mark where the others stood.</summary>
internal sealed class ImageWindow(ShapeRules rules, ExportNotes notes)
{
    private int _left = rules.MaxImages;

    public void Apply(List<Turn> turns)
    {
        for (var t = turns.Count - 1; t >= 0; t--)
        {
            var parts = turns[t].Parts;
            for (var p = parts.Count - 1; p >= 0; p--)
            {
                if (parts[p] is ImagePart image && (turns[t].IsAssistant || !Keep(image.Image)))
                {
                    parts[p] = new TextPart(ImageSource.Mark);
                }
                else if (parts[p] is ToolResult { Images.Count: > 0 } result)
                {
                    var kept = result.Images.Reverse().Where(Keep).Reverse().ToList();
                    if (kept.Count < result.Images.Count)
                    {
                        parts[p] = result with { Images = kept, NativeJson = default };
                    }
                }
            }
        }
    }

    private bool Keep(ImageSource image)
    {
        if (!rules.TakesImage(image))
        {
            notes.Add(image.Url is null && rules.MaxImages > 0 ? "images of a kind that the format does not take replaced by a mark" : "images replaced by a mark");
            return false;
        }

        if (_left == 0)
        {
            notes.Add("images outside of the window replaced by a mark");
            return false;
        }

        _left--;
        return true;
    }
}
