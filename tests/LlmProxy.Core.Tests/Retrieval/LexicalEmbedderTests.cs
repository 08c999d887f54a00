using System.Diagnostics;
using System.Numerics.Tensors;
using LlmProxy.Core.Retrieval;
using Microsoft.Extensions.AI;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Retrieval;

public sealed class LexicalEmbedderTests(ITestOutputHelper output)
{
    public static TheoryData<string, string> Paraphrases { get; } = new()
    {
        { "Download the March invoice from the vendor portal and save it to the Invoices folder", "Get the April invoice from the supplier portal and put it into the invoices folder" },
        { "Book a meeting room for Tuesday at 3pm and invite the design team", "Reserve a conference room on Thursday 10am and send invites to the design team" },
        { "Update the customer's shipping address in the CRM", "Change the shipping address of a customer in Salesforce CRM" },
        { "Create a pivot table of sales by region in the quarterly report spreadsheet", "Make a pivot table in the spreadsheet that shows quarterly sales per region" },
        { "Reply to the email from Anna and attach the signed contract", "Send Peter a reply with the signed contract attached" },
        { "Export the list of open support tickets to a CSV file", "Save all open support tickets as CSV" },
        { "Extract all totals from the PDF receipts and put them in the expenses sheet", "Read the PDF receipts and add their totals to the expense sheet" },
        { "Fix the failing unit test in the parser", "Repair the broken unit tests of the parser module" },
        { "Cancel the subscription of user 4711 and refund the last payment", "Please cancel the subscription for user 88 and refund their last payment" },
        { "Rename all photos in the Holiday folder by date", "Rename the pictures in the folder Holiday by the date they were taken" },
    };

    [Theory]
    [MemberData(nameof(Paraphrases))]
    public void Two_wordings_of_one_office_task_pass_the_default_threshold(string a, string b)
    {
        var similarity = Similarity(a, b);
        output.WriteLine($"{similarity:0.000}");
        Assert.True(similarity >= LexicalEmbedder.DefaultMinSimilarity, $"{similarity:0.000}");
    }

    [Fact]
    public void Different_office_tasks_stay_below_the_default_threshold()
    {
        var texts = Paraphrases.Select(p => ((string)p[0], (string)p[1])).ToList();
        var highest = 0.0;
        for (var i = 0; i < texts.Count; i++)
        {
            for (var j = 0; j < texts.Count; j++)
            {
                if (i != j)
                {
                    highest = Math.Max(highest, Math.Max(Similarity(texts[i].Item1, texts[j].Item1), Similarity(texts[i].Item1, texts[j].Item2)));
                }
            }
        }

        output.WriteLine($"highest {highest:0.000}");
        Assert.True(highest < LexicalEmbedder.DefaultMinSimilarity - 0.05, $"{highest:0.000}");
    }

    [Theory]
    [InlineData("Download the March invoice from the vendor portal and save it to the Invoices folder", "Fix the failing unit test in the parser")]
    [InlineData("下载三月的发票并保存到文件夹", "修复解析器中失败的单元测试")]
    public void Unrelated_texts_do_not_pass(string a, string b) => Assert.True(Similarity(a, b) < LexicalEmbedder.DefaultMinSimilarity, $"{Similarity(a, b):0.000}");

    [Fact]
    public void A_script_without_blanks_is_split_into_its_characters() =>
        Assert.True(Similarity("下载三月的发票并保存到发票文件夹", "下载四月的发票并放到发票文件夹") >= LexicalEmbedder.DefaultMinSimilarity);

    [Fact]
    public void Vectors_have_the_fixed_length_and_norm_1()
    {
        var vector = LexicalEmbedder.Embed("Cancel the reservation SI5UKW");

        Assert.Equal(LexicalEmbedder.Dimensions, vector.Length);
        Assert.Equal(1, TensorPrimitives.Norm<float>(vector), 1e-5);
        Assert.True(LexicalEmbedder.Dimensions <= 2000, "an HNSW index of pgvector takes no more");
    }

    [Fact]
    public void Case_and_punctuation_make_no_difference() =>
        Assert.Equal(1, Similarity("Cancel my FLIGHT, please!", "cancel my flight please"), 1e-5);

    [Fact]
    public void The_vectors_of_lexical_1_never_change()
    {
        // Stores hold vectors of this model: if this fails on purpose, the model needs a new name.
        var vector = LexicalEmbedder.Embed("Cancel flight 42");
        var filled = LexicalEmbedder.Buckets("Cancel flight 42");

        Assert.Equal("lexical-1", LexicalEmbedder.ModelName);
        Assert.Equal(GoldenBuckets, string.Join(' ', filled));
        Assert.Equal(GoldenValues, string.Join(' ', filled.Take(6).Select(b => vector[b].ToString("0.0000", System.Globalization.CultureInfo.InvariantCulture))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \n ")]
    public void A_text_of_nothing_gives_a_zero_vector(string text)
    {
        Assert.Empty(LexicalEmbedder.Buckets(text));
        Assert.All(LexicalEmbedder.Embed(text), v => Assert.Equal(0f, v));
    }

    [Fact]
    public void A_text_of_signs_alone_is_found_again()
    {
        Assert.Equal(1, Similarity("🚀🚀", "🚀🚀"), 1e-5);
        Assert.Equal(0, Similarity("🚀🚀", "!!"), 1e-5);
    }

    [Fact]
    public void Document_frequencies_weigh_rare_words_more_on_the_query_side()
    {
        const string Query = "flight refund";
        var common = LexicalEmbedder.Buckets("flight").Concat(LexicalEmbedder.Buckets("refund")).Distinct().ToDictionary(b => b, _ => 1L);
        foreach (var bucket in LexicalEmbedder.Buckets("flight"))
        {
            common[bucket] = 100;
        }

        var plain = LexicalEmbedder.Embed(Query);
        var weighted = LexicalEmbedder.EmbedQuery(Query, new DocumentFrequencies(100, common));

        Assert.True(TensorPrimitives.Dot<float>(weighted, LexicalEmbedder.Embed("refund")) > TensorPrimitives.Dot<float>(plain, LexicalEmbedder.Embed("refund")) + 0.05);
        Assert.True(TensorPrimitives.Dot<float>(weighted, LexicalEmbedder.Embed("flight")) < TensorPrimitives.Dot<float>(plain, LexicalEmbedder.Embed("flight")) - 0.05);
        Assert.Equal(1, TensorPrimitives.Norm<float>(weighted), 1e-5);
    }

    [Fact]
    public void In_an_empty_store_frequencies_change_nothing() =>
        Assert.Equal(LexicalEmbedder.Embed("flight refund"), LexicalEmbedder.EmbedQuery("flight refund", new DocumentFrequencies(0, new Dictionary<int, long>())));

    [Fact]
    public async Task It_is_an_embedding_generator_of_the_platform()
    {
        using IEmbeddingGenerator<string, Embedding<float>> embedder = new LexicalEmbedder();

        var answer = await embedder.GenerateAsync(["one", "two"]);

        Assert.Equal(2, answer.Count);
        Assert.Equal(LexicalEmbedder.Embed("two"), answer[1].Vector.ToArray());
        Assert.Equal("lexical-1", embedder.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelId);
    }

    [Fact]
    public void Time_for_a_text_of_500_characters_is_printed()
    {
        var text = string.Join(' ', Paraphrases.Select(p => (string)p[0]))[..500];
        for (var i = 0; i < 200; i++)
        {
            LexicalEmbedder.Embed(text);
        }

        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 1000; i++)
        {
            LexicalEmbedder.Embed(text);
        }

        // No assertion on a clock here: budgets are held by the benchmarks.
        output.WriteLine($"{Stopwatch.GetElapsedTime(start).TotalMicroseconds / 1000:0.0} µs");
        Assert.Equal(500, text.Length);
    }

    private const string GoldenBuckets = "20 95 114 167 264 301 323 479 506 536 555 584 613 641 686 723 764 768 774 788 808 850 870 885 944 1036 1064 1118 1189 1191 1254 1255 1304 1306 1384 1468";
    private const string GoldenValues = "-0.1825 -0.0816 -0.0816 0.0816 0.1825 0.0816";

    private static double Similarity(string a, string b) => TensorPrimitives.Dot<float>(LexicalEmbedder.Embed(a), LexicalEmbedder.Embed(b));
}
