using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>The messages of a history in the dialects that have a role on each (all but Responses).</summary>
internal sealed partial class RequestScan
{
    /// <summary>Reads an array of messages.</summary>
    /// <returns>Whether there was one.</returns>
    public bool ReadMessages(ref Utf8JsonReader reader, MessageRules rules)
    {
        ResetHistory();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return false;
        }

        BeginHistory(ref reader, rules.Kind);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadMessage(ref reader, rules);
            EndElement(ref reader);
        }

        EndTurn();
        EndHistory(ref reader);
        return true;
    }

    /// <summary>Reads one message.</summary>
    public void ReadMessage(ref Utf8JsonReader reader, MessageRules rules)
    {
        CountElement();
        var start = Start(ref reader);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            EndTurn();
            AddClientValue(ref reader, rules.Canonical);
            return;
        }

        _idsBefore = _callIds.Count;
        var side = FindSide(reader, rules);
        if (side != Side.Model)
        {
            EndTurn();
        }

        (_textBefore, _callsBefore) = (_text.Length, _calls.Length);
        var again = reader;
        var found = ReadMessage(ref reader, rules, side);
        if (found != side)
        {
            // The role occurs twice and the last one counts.
            Restart(_textBefore, _callsBefore);
            if (found != Side.Model)
            {
                EndTurn();
            }

            reader = again;
            ReadMessage(ref reader, rules, found);
        }

        var range = new ByteRange(start, End(ref reader) - start);
        switch (found)
        {
            case Side.System:
                SystemMessages++;
                break;
            case Side.Model:
                ExtendTurn(range);
                if (!rules.JoinsTurns)
                {
                    EndTurn();
                }

                break;
            default:
                AddClientMessage(range);
                break;
        }
    }

    /// <summary>Forgets what was read of the model's message: its content occurs twice and the last one counts.</summary>
    public void ResetMessage()
    {
        ResetText(_textBefore);
        ResetCalls(_callsBefore);
    }

    private static Side FindSide(Utf8JsonReader reader, MessageRules rules)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isRole = JsonText.Name(reader.ValueSpan).SequenceEqual("role"u8);
            reader.Read();
            if (isRole)
            {
                return reader.TokenType == JsonTokenType.String ? rules.SideOf(JsonText.Name(reader.ValueSpan)) : Side.Client;
            }

            reader.Skip();
        }

        return Side.Client;
    }

    private Side ReadMessage(ref Utf8JsonReader reader, MessageRules rules, Side side)
    {
        var mark = OpenClientMessage();
        var found = Side.Client;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = JsonText.Name(reader.ValueSpan);
            if (name.SequenceEqual("role"u8))
            {
                var value = reader;
                value.Read();
                found = value.TokenType == JsonTokenType.String ? rules.SideOf(JsonText.Name(value.ValueSpan)) : Side.Client;
            }

            switch (side)
            {
                case Side.Client:
                    AddClientProperty(ref reader, rules.Canonical);
                    break;
                case Side.Model:
                    reader.Read();
                    rules.ReadModelProperty(this, name, ref reader);
                    break;
                default:
                    reader.Read();
                    rules.ReadSystemProperty(this, name, ref reader);
                    break;
            }
        }

        CloseClientMessage(mark);
        return found;
    }
}
