using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Redaction;

public sealed class SecretPatternsTests(ITestOutputHelper output)
{
    private const double MostFalseAlarms = 0.01;
    private static readonly Redactor Redactor = new(new RedactionOptions());

    public static TheoryData<string> Names => [.. SecretPatterns.All.Select(p => p.Name)];

    /// <summary>A text and the secret in it, in pieces, so that no scanner takes this file for a leak.</summary>
    public static TheoryData<string, string> Assigned => new()
    {
        { "DB_PASSWORD=", "Tr0ub4dor&3x!9fK2" },
        { "DB_PASSWORD=\"", "Tr0ub4dor&3x!9fK2" },
        { "export APP_SECRET=", "Tr0ub4dor3x9fK2" },
        { "password: ", "Tr0ub4dor3x" },
        { "password = ", "correcthorse" },
        { "{\"username\":\"a\",\"password\":\"", "Tr0ub4dor3x" },
        { "{\\\"password\\\":\\\"", "Tr0ub4dor3x" },
        { "Host=db;Username=a;Password=", "Tr0ub4dor3x" },
        { "jdbc:mysql://db/x?user=a&password=", "Tr0ub4dor3x" },
        { "psql --password=", "Tr0ub4dor3x" },
        { "PGPASSWORD=", "Tr0ub4dor3x" },
        { "<password>", "Tr0ub4dor3x" },
        { "VERCEL_TOKEN=", "A1b2C3d4E5f6G7h8I9j0K1l2" },
        { "//registry.npmjs.org/:_authToken=", "A1b2C3d4E5f6G7h8" },
        { "AWS_SESSION_TOKEN=", "IQoJb3JpZ2luX2VjE/+k3" },
        { "MISTRAL_API_KEY=", "A1b2C3d4E5f6G7h8I9j0K1l2" },
        { "x-api-key: ", "A1b2C3d4E5f6G7h8" },
        { "apiKey: '", "A1b2C3d4E5f6G7h8" },
        { "const clientSecret = \"", "A1b2C3d4E5f6G7h8" },
        { "AccountKey=", "A1b2C3d4E5f6G7h8+/==" },
        { "secret := \"", "A1b2C3d4E5f6G7h8" },
        { "postgres://app:", "Tr0ub4dor3x@db.example:5432/x" },
        { "redis://:", "Tr0ub4dor3x@cache:6379/0" },
        { "mongodb+srv://app:", "Tr0ub4dor3x@c0.mongodb.net/x" },
        { "https://hooks.slack.com/", "services/T01234567/B0123456789/A1b2C3d4E5f6" },
        { "AUTHORIZATION: BEARER ", "a1b2c3d4e5f6g7h8" },
    };

    /// <summary>Texts in which the names of secrets occur without one.</summary>
    public static TheoryData<string> Harmless =>
    [
        "password: string",
        "password: string;\n  token?: string | null;",
        "public string Password { get; set; } = \"\";",
        "var password = configuration.Password;",
        "password = getpass.getpass(\"Password: \")",
        "password=args.password, token=args.token",
        "if (password == storedPassword) { return token; }",
        "const token = await getToken(user);",
        "token = tokens[index + 1]",
        "api_key = os.environ[\"OPENAI_API_KEY\"]",
        "apiKey: process.env.OPENAI_API_KEY,",
        "OPENAI_API_KEY=$OPENAI_API_KEY DB_PASSWORD=${DB_PASSWORD} TOKEN={{ token }} PASSWORD=<your password>",
        "PASSWORD=******** token: [redacted] secret: [removed]",
        "<input type=\"password\" name=\"password\" placeholder=\"Password\">",
        "{\"password\":{\"type\":\"string\",\"description\":\"The password of the user\"}}",
        "{\"max_tokens\":1024,\"token_type\":\"bearer\",\"next_page_token\":\"CAUQAA1234567\"}",
        "System.Runtime, Version=10.0.0.0, Culture=neutral, PublicKeyToken=b03f5f7f11d50a3a",
        "<File AssemblyName=\"Microsoft.AspNetCore\" PublicKeyToken=\"adb9793829ddae60\" />",
        "public_key_token: cc7b13ffcd2ddd51",
        "The password is wrong. Your token: expired. A secret: nobody knows.",
        "PWD=/home/anna/project1 OLDPWD=/home/anna",
        "npm_config_registry and npm_package_dependencies_typescript_version_is_a_name",
        "hf_hub_download_the_whole_repository_of_models",
        "https://example.com:8080/a@b and http://localhost:3000",
        "git@github.com:user/repository.git",
        "Bearer authentication-is-required-for-this",
        "The bearer token is missing",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void Example_is_removed_from_what_is_stored_and_from_prompts(string name)
    {
        var pattern = SecretPatterns.All.Single(p => p.Name == name);

        Assert.Equal("It is " + pattern.ExampleWithout(Redactor.Mark), Redactor.Redact("It is " + pattern.Example));
        Assert.DoesNotContain(JsonSerializer.Serialize(pattern.ExampleSecret).Trim('"'), RedactJson(new { text = "It is " + pattern.Example }), StringComparison.Ordinal);
        foreach (var clean in new[] { RecordedText.Clean("It is " + pattern.Example), RecordedText.CleanLine("It is " + pattern.Example) })
        {
            Assert.DoesNotContain(pattern.ExampleSecret, clean, StringComparison.Ordinal);
            Assert.Contains(RecordedText.Removed, clean, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_form_of_a_kind_is_removed(string name)
    {
        foreach (var secret in SecretPatterns.All.Single(p => p.Name == name) is { IsTelling: true } pattern ? pattern.ExampleSecrets : [])
        {
            Assert.Equal("It is [redacted], really.", Redactor.Redact($"It is {secret}, really."));
        }
    }

    [Fact]
    public void Table_can_be_scanned()
    {
        Assert.All(SecretPatterns.All.SelectMany(p => p.Starts), start => Assert.True(start.Length >= 3 && start.All(char.IsAscii), start));
        Assert.All(SecretPatterns.All, p => Assert.Contains(p.Starts, start => p.Example.Contains(start, StringComparison.OrdinalIgnoreCase)));
        Assert.All(SecretPatterns.All, p => Assert.Matches("^[a-z0-9.-]{1,40}$", p.Kind));
        Assert.Distinct(SecretPatterns.All.Select(p => p.Name));
    }

    [Theory]
    [MemberData(nameof(Assigned))]
    public void Assigned_secret_is_removed_from_what_is_stored_and_from_prompts(string before, string secret)
    {
        // Without the host, which stays.
        var gone = secret.Split('@')[0];
        var text = before + secret;

        Assert.DoesNotContain(gone, Redactor.Redact(text), StringComparison.Ordinal);
        Assert.StartsWith(before.Split("services")[0].Replace("https://hooks.slack.com/", "", StringComparison.Ordinal), Redactor.Redact(text), StringComparison.Ordinal);
        Assert.DoesNotContain(gone, RedactJson(new { text }), StringComparison.Ordinal);
        Assert.DoesNotContain(gone, RecordedText.CleanLine(text), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Harmless))]
    public void Name_without_a_secret_stays(string text)
    {
        Assert.Same(text, Redactor.Redact(text));
        Assert.Equal(text, JsonDocument.Parse(RedactJson(new { text })).RootElement.GetProperty("text").GetString());
    }

    [Fact]
    public void Property_of_json_is_redacted_by_its_name()
    {
        var redacted = RedactJson(new { user = "anna", password = "correcthorse", api_key = "A1b2C3d4E5f6G7h8", token = new { type = "string" }, page_token = "A1b2C3d4E5f6G7h8" });

        Assert.Equal("""{"user":"anna","password":"[redacted]","api_key":"[redacted]","token":{"type":"string"},"page_token":"A1b2C3d4E5f6G7h8"}""", redacted);
    }

    [Fact]
    public void Escapes_of_json_hide_no_assignment()
    {
        foreach (var json in new[] { """{"text":"{\u0022password\u0022:\u0022Tr0ub4dor3x\u0022}"}""", """{"text":"postgres:\/\/app:Tr0ub4dor3x@db"}""" })
        {
            var redacted = Encoding.UTF8.GetString(Redactor.RedactJson(Encoding.UTF8.GetBytes(json)).Span);
            Assert.Contains(Redactor.Mark, redacted, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Card_numbers_are_removed_from_prompts_too() =>
        Assert.Equal("card [removed] ok", RecordedText.CleanLine("card 4111 1111 1111 1111 ok"));

    [SharedDataFact]
    public void Ordinary_texts_raise_few_false_alarms()
    {
        var recorded = Dialects.Recording.All.SelectMany(r => Strings(r.Request).Concat(Strings(r.Response))).Where(t => t.Length >= 8).Distinct(StringComparer.Ordinal).ToList();
        AssertFew("strings of recorded exchanges", recorded);
        AssertFew("lines of code", Directory.EnumerateFiles(Sources(), "*.cs", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal)).SelectMany(File.ReadLines).Where(l => l.Trim().Length > 8));
        var random = new Random(7);
        AssertFew("hashes and UUIDs", Enumerable.Range(0, 2_000).Select(i => (i % 4) switch
        {
            0 => new Guid(Bytes(16)).ToString(),
            1 => Convert.ToHexStringLower(SHA256.HashData(Bytes(8))),
            2 => "commit " + Convert.ToHexStringLower(Bytes(20)),
            _ => "sha512-" + Convert.ToBase64String(Bytes(64)),
        }));
        AssertFew("commits, md5 and integrity in files", Enumerable.Range(0, 2_000).Select(i => (i % 3) switch
        {
            0 => $"index {Convert.ToHexStringLower(Bytes(4))}..{Convert.ToHexStringLower(Bytes(4))} 100644",
            1 => "\"integrity\": \"sha512-" + Convert.ToBase64String(Bytes(64)) + "\",",
            _ => Convert.ToHexStringLower(Bytes(16)) + "  archive-1.2.3.tar.gz",
        }));
        AssertFew("EAN codes", Enumerable.Range(0, 2_000).Select(_ => "article " + WithEanDigit(random.NextInt64(100_000_000_000, 500_000_000_000))));
        AssertFew("base64 of text", recorded.Where(t => t.Length > 40).Take(2_000).Select(t => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(t))));
        AssertFew("documentation of packages", Documentation().Take(4_000));

        byte[] Bytes(int count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            return bytes;
        }
    }

    private static string WithEanDigit(long number)
    {
        var digits = number.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var sum = digits.Select((c, i) => (c - '0') * (i % 2 == 0 ? 1 : 3)).Sum();
        return digits + ((10 - (sum % 10)) % 10).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Lines of the XML documentation that restored packages bring.</summary>
    private static IEnumerable<string> Documentation()
    {
        var packages = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        return Directory.Exists(packages)
            ? Directory.EnumerateDirectories(packages).Order(StringComparer.Ordinal).SelectMany(package => Directory.EnumerateFiles(package, "*.xml", SearchOption.AllDirectories).Take(1)).SelectMany(file => File.ReadLines(file).Take(200)).Where(line => line.Trim().Length > 8)
            : [];
    }

    private void AssertFew(string what, IEnumerable<string> texts)
    {
        var (all, alarms) = (0, 0);
        foreach (var text in texts)
        {
            all++;
            var redacted = Redactor.Redact(text);
            if (!ReferenceEquals(redacted, text))
            {
                alarms++;
                var at = Enumerable.Range(0, Math.Min(text.Length, redacted.Length)).FirstOrDefault(i => text[i] != redacted[i]);
                output.WriteLine("  " + text[Math.Max(0, at - 30)..Math.Min(text.Length, at + 40)].ReplaceLineEndings(" "));
            }
        }

        output.WriteLine($"{what}: {alarms} of {all} ({100.0 * alarms / Math.Max(1, all):0.00} %)");
        Assert.True(alarms <= all * MostFalseAlarms, $"{what}: {alarms} of {all}");
    }

    private static string RedactJson<T>(T value) => Encoding.UTF8.GetString(Redactor.RedactJson(JsonSerializer.SerializeToUtf8Bytes(value)).Span);

    private static IEnumerable<string> Strings(byte[]? json)
    {
        if (json is null)
        {
            return [];
        }

        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 512 });
        return [.. Strings(document.RootElement)];
    }

    private static IEnumerable<string> Strings(string response)
    {
        foreach (var line in response.Split('\n'))
        {
            var text = line.StartsWith("data:", StringComparison.Ordinal) ? line[5..] : line;
            List<string> found = [];
            try
            {
                using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 512 });
                found.AddRange(Strings(document.RootElement));
            }
            catch (JsonException)
            {
                found.Add(text);
            }

            foreach (var one in found)
            {
                yield return one;
            }
        }
    }

    private static IEnumerable<string> Strings(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => [element.GetString()!],
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Strings),
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Strings(p.Value)),
        _ => [],
    };

    private static string Sources()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LlmProxy.sln")))
            {
                return Path.Combine(folder.FullName, "src");
            }
        }

        throw new InvalidOperationException("The tests do not run in their repository.");
    }
}
