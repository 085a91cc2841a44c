import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import type { Config } from '../config.ts';
import { HowdahError } from '../contracts/errors.ts';
import { releaseVersion } from '../package-root.ts';
import { type ExitCode, exitCodeFor, exitCodes, reportOf } from './exit-codes.ts';
import { type CliIo, createOutput, printError } from './output.ts';
import { type CommandEntry, commands } from './registry.ts';

/** The parts of a process the command line lives in; a test hands in its own. */
export type CliProcess = {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(status: number): void;
};

/** Runs one command line (without `node` and the script) and gives the exit status; never throws. */
export async function main(
  argv: readonly string[],
  host: CliProcess,
  entries: readonly CommandEntry[] = commands,
): Promise<number> {
  const program = new Command('howdah');
  const session = createSession(argv, host, () => program.opts().databaseUrl);
  defineProgram(program, session.io, entries);
  if (!argv.some((word) => entries.some(({ name }) => name === word))) {
    program.version(releaseVersion(), '--version', 'print the version'); // a command may have a --version of its own
  }
  try {
    await program.parseAsync(withHelp(argv), { from: 'user' });
    return session.exitCode();
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown)) {
      return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    const report = reportOf(error, session.server());
    printError(session.io, report);
    return exitCodeFor(report.code);
  }
}

function defineProgram(program: Command, io: CliIo, entries: readonly CommandEntry[]): void {
  program
    .description('Insert a row, watch an agent answer it, ask everything in SQL.')
    .option('--json', 'print JSON: the result on stdout, errors on stderr')
    .option('--database-url <url>', 'the database to use instead of DATABASE_URL')
    .option('--no-color', 'print without colours')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: io.write, writeErr: io.err, outputError: () => {} })
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${command.usage()}`.replace('[options] ', ''),
    });
  const load = new Map(entries.map((entry) => [entry.name, entry.load]));
  for (const { name, summary, args } of entries) {
    program.command(name).description(summary).usage(`[options] ${args}`);
  }
  program.hook('preSubcommand', async (_, command) => {
    const module = await load.get(command.name())?.();
    module?.register(command.helpCommand(false), io);
  });
}

/** What one command line keeps: its streams, the status it chose, the server it talks to. */
function createSession(argv: readonly string[], host: CliProcess, databaseUrl: () => unknown) {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const flags = { json: own.includes('--json'), color: !own.includes('--no-color') };
  const interrupts = listenForInterrupts(host);
  let chosen: ExitCode | undefined;
  let config: Config | undefined;
  const io: CliIo = {
    ...createOutput(flags, host),
    config: async () => {
      const { loadConfig } = await import('../config.ts');
      const url = databaseUrl();
      config = loadConfig(typeof url === 'string' ? { DATABASE_URL: url } : {});
      return config;
    },
    setExitCode: (code) => {
      chosen = code;
    },
    onInterrupt: interrupts.handle,
  };
  return {
    io,
    exitCode: () => chosen ?? interrupts.status() ?? exitCodes.ok,
    server: () => config?.databaseUrl && hostAndPort(config.databaseUrl),
  };
}

/** Ctrl-C ends the process at once, unless a command asked to be told first; then the second one does. */
function listenForInterrupts(host: CliProcess) {
  let status: number | undefined;
  let stop: (() => void) | undefined;
  const on = (signal: 'SIGINT' | 'SIGTERM', code: number) =>
    host.on(signal, () => {
      if (stop === undefined || status !== undefined) return host.exit(code);
      status = code;
      stop();
    });
  on('SIGINT', exitCodes.interrupted);
  on('SIGTERM', 143);
  const handle = (handler: () => void) => {
    stop = handler;
  };
  return { handle, status: () => status };
}

function hostAndPort(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '5432'}`;
}

/** `howdah` and `howdah help db` mean `--help`; commander's own help command would not load the command first. */
function withHelp(argv: readonly string[]): readonly string[] {
  if (argv.length === 0) return ['--help'];
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

function isHelp(error: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code);
}

/** Commander's "error: unknown command 'strat'\n(Did you mean start?)" as message and hint. */
function usageError(error: CommanderError): HowdahError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const hint = suggestion?.replace(/^\(|\)$/g, '') ?? '`howdah --help` lists commands and options.';
  return new HowdahError('EUSAGE', message, { hint });
}

/** Runs this process's own command line. A reader that went away (`| head`) is no error and no news. */
export async function run(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      throw error;
    });
  }
  process.exitCode = await main(process.argv.slice(2), process);
}

// `import.meta.main` would say this too, but only from Node 24.2 on.
const entry = process.argv[1];
if (entry && existsSync(entry) && realpathSync(entry) === fileURLToPath(import.meta.url))
  await run();
