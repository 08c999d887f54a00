using LlmProxy.Server.Cli;

return await CommandLine.RunAsync(args, CliConsole.OfProcess());
