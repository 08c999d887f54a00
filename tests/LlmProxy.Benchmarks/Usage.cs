namespace LlmProxy.Benchmarks;

/// <summary>What the program can be asked for.</summary>
internal static class Usage
{
    private const string Text = """
        Measures what the proxy costs.

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- proxy [options]
              The proxy beside bare YARP, both in front of one fake upstream, each in a process of its own, in one run.
              --rate N          requests a second of the paced measurement, for bodies up to 40 KB; larger ones are sent
                                at the same bytes a second (500)
              --seconds N       length of each measurement (10)
              --runs N          at most so many agent runs in each measurement (100000)
              --sizes A,B,C     mean body sizes in KB (4,40,400)
              --streams WHICH   both, yes or no (both)
              --dialect NAME    anthropic, chat, responses or gemini (anthropic)
              --only WHAT       path (processor time of the request path) or cpu (that, and of everything until it is stored)
              --json            one JSON object in place of the tables

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- soak [options]
              Calls of all dialects at a time, each with a number of its own: nothing lost or mixed up, memory flat.
              --requests N      calls in all (200000)
              --streams N       at a time (64)
              --kilobytes N     mean size of a request (12)
              --pending N       calls wait while more than N are not in the store (2000)
              --json            one JSON object in place of the text

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- upload [options]
              One large file through the proxy, and its memory meanwhile.
              --megabytes N     size of the file (2048)

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- parts [options]
              The parts of a request by themselves, in this process.
              --only WORD       only parts whose name holds this
              --stored N        runs in the store that examples are chosen from (1000)
              --json            one JSON object in place of the table

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- templates [--json]
              Prompts of 2, 8 and 30 KB with 3 examples of 10 steps, and a StringBuilder that writes the same text.

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- crash [--runs N] [--kills N] [--seed N]
              Runs through the real server, which is killed (SIGKILL) at random moments and started again: every answer
              that its client has whole must be in the store exactly once; else it exits with 1 (500 runs, 20 kills).

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- storage [--data FOLDER]
              Bytes in the store against the bytes of the final histories and against whole requests: a run of 30 steps
              that ends with 400 KB, images sent again 30 times, and recorded conversations in FOLDER (tasks*.jsonl.gz);
              what each level of compression costs and saves.

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- record [--rate N] [--seconds N]
              Whether recorder and SQLite store keep up with N exchanges of 40 KB a second (500), and how long calls
              take with the store paused and not.

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- analyzer [--rounds N]
              What the analyzer adds to a build of a project with 20 templates while the compiler server is warm (15).

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- statistics [options]
              How long the statistics of many runs take, with and without intervals, in SQLite and PostgreSQL.
              --runs N          runs in the store (100000)
              --steps N         steps of each run that has its content (4)
              --postgres TEXT   connection string of an empty database; without it PostgreSQL is left out

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- export [options]
              An export of many runs, in a process of its own: time and peak memory.
              --runs N          runs in the store (10000)
              --steps N         steps of each (20)
              --format F        format (openai)
              --json            one JSON object in place of the line

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- search [options]
              The search of stores of many runs against an exact one: time, recall of the ten nearest, memory, and what
              PostgreSQL's index takes to build. Takes some minutes; a temporary PostgreSQL server is started for it.
              --runs A,B        runs in the store (10000,100000)
              --dimensions A,B  length of the vectors (256,1536)
              --stores A,B      sqlite, postgres (both)
              --queries N       searches (100)
              --json            one JSON object in place of the table

          dotnet run -c Release --project tests/LlmProxy.Benchmarks -- retrieval [options]
              How well examples are found with the local embedder and without: recorded runs of strangers (if they are
              there), and tasks asked for in other words. Time of a query, peak memory.
              --tuning          the pairs that weights were chosen on, too
        """;

    public static int Print(string? problem = null)
    {
        Console.Error.WriteLine(problem is null ? Text : $"{problem}\n\n{Text}");
        return 2;
    }
}

/// <summary>The arguments cannot be used.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>Reads options of the form <c>--name value</c> and <c>--name</c>.</summary>
internal sealed class ArgumentReader(string[] arguments)
{
    private int _next;

    public bool TryNext(out string name)
    {
        name = _next < arguments.Length ? arguments[_next++] : "";
        return name.Length > 0;
    }

    public string Value(string name) =>
        _next < arguments.Length ? arguments[_next++] : throw new UsageException($"{name} needs a value.");

    public int Number(string name) =>
        int.TryParse(Value(name), System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new UsageException($"{name} needs a whole number above 0.");
}
