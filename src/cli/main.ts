import { Command, CommanderError, Option } from 'commander';
import type { Config } from '../config.ts';
import { isEntry, releaseVersion } from '../package-root.ts';
import type { CommandEntry } from './command-entry.ts';
import { withExamples } from './help/examples-in-help.ts';
import { missingVerbReport, rememberCommands, usageError } from './help/usage-errors.ts';
import { listenForInterrupts } from './interrupts.ts';
import { type ErrorReport, exitCodeFor, exitCodes, reportOf } from './output/exit-codes.ts';
import { FORMATS, type Format, formatIn, formatNamed } from './output/formats.ts';
import { type CliIo, createOutput, printError } from './output/output.ts';
import { type Environment, isAttended, type TextStream } from './output/terminal.ts';
import { commands } from './registry.ts';

/** The parts of a process the command line lives in; a test hands in its own. */
export type CliProcess = {
  stdin?: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: TextStream;
  stderr: TextStream;
  env?: Environment;
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(status: number): void;
  /** How long `howdah` alone waits for what does not answer; 0.7 s. */
  patienceMs?: number;
};

/** Runs one command line (without `node` and the script) and gives the exit status; never throws. */
export async function main(
  argv: readonly string[],
  host: CliProcess,
  entries: readonly CommandEntry[] = commands,
): Promise<number> {
  const format = await formatNamed(formatIn(ownWords(argv)));
  let program = new Command('howdah');
  const session = createSession(argv, host, () => program.opts(), format);
  const fresh = () => {
    program = new Command('howdah');
    if (isOwnVersion(argv, entries))
      program.version(version(argv), '--version', 'print the version');
    defineProgram(program, session.io, entries);
    return program;
  };
  if (entries === commands && mayAskHelp(argv)) {
    const { printedHelp } = await import('./help/help.ts');
    if (await printedHelp(fresh(), withHelp(argv))) return exitCodes.ok;
  }
  loadWhenNeeded(fresh(), session.io, entries);
  try {
    if (saysNothing(program, argv)) lookAround(program, session.io, host);
    await program.parseAsync(withHelp(argv), { from: 'user' });
    return session.exitCode();
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown)) {
      if (thrown.exitCode === 0) return exitCodes.ok;
      if (session.io.json) printError(session.io, missingVerbReport(thrown));
      return exitCodes.usage;
    }
    const report =
      thrown instanceof CommanderError
        ? await usageError(thrown)
        : reportOf(thrown, session.server());
    printError(session.io, await withPage(session.io, report));
    return exitCodeFor(report.code);
  }
}

/** To a person, an error that says not what to do says at least where it stands. */
async function withPage(io: CliIo, report: ErrorReport): Promise<ErrorReport> {
  if (!io.isTerminal || io.json || report.hint !== undefined) return report;
  const { isExplained } = await import('./help/explain-error.ts');
  return isExplained(report.code) ? { ...report, hint: `howdah explain ${report.code}` } : report;
}

function defineProgram(program: Command, io: CliIo, entries: readonly CommandEntry[]): void {
  program
    .description(
      'Insert a row, watch an agent answer it, ask everything in SQL. Without a command: how things stand.',
    )
    .option('--json', 'print JSON: the result on stdout, errors on stderr')
    .addOption(
      new Option('-o, --output <format>', 'how the result is written; --json is -o json').choices(
        FORMATS,
      ),
    )
    .option('--database-url <url>', 'the database to use instead of DATABASE_URL')
    .option('--profile <name>', 'the server of `howdah login` to ask; none for none')
    .option('--no-color', 'print without colours')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: io.write,
      writeErr: io.json ? () => {} : io.err,
      outputError: () => {},
    })
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${command.usage()}`.replace('[options] ', ''),
    });
  withExamples(program);
  for (const { name, alias, summary, args = '' } of entries) {
    const command = program.command(name).description(summary).usage(`[options] ${args}`);
    if (alias !== undefined) command.alias(alias);
  }
}

function loadWhenNeeded(program: Command, io: CliIo, entries: readonly CommandEntry[]): void {
  const load = new Map(entries.map((entry) => [entry.name, entry.load]));
  program.hook('preSubcommand', async (_, command) => {
    const module = await load.get(command.name())?.();
    module?.register(command.helpCommand(false), io);
    withExamples(command);
    rememberCommands(command);
  });
}

/** Behind -- stands what is nobody's option. */
function ownWords(argv: readonly string[]): readonly string[] {
  return argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
}

/** What one command line keeps: its streams, the status it chose, the server it talks to. */
function createSession(
  argv: readonly string[],
  host: CliProcess,
  globals: () => { databaseUrl?: string; profile?: string },
  format: Format | undefined,
) {
  const own = ownWords(argv);
  const isForPrograms = !['table', undefined].includes(formatIn(own));
  const json = own.includes('--json') || isForPrograms;
  const flags = { json, color: !own.includes('--no-color'), format };
  const interrupts = listenForInterrupts(host);
  let chosen: number | undefined;
  let config: Config | undefined;
  const io: CliIo = {
    ...createOutput(flags, host),
    stdin: host.stdin ?? process.stdin,
    config: async (variables = {}) => {
      const { loadConfig } = await import('../config.ts');
      const { databaseUrl } = globals();
      config = loadConfig({
        ...(databaseUrl === undefined ? {} : onlyAt(databaseUrl)),
        ...variables,
      });
      return config;
    },
    profile: () => globals().profile,
    isDatabaseNamed: () => globals().databaseUrl !== undefined,
    setExitCode: (code) => {
      chosen = code;
    },
    onInterrupt: interrupts.handle,
    leaveSignals: interrupts.leave,
    patienceMs: host.patienceMs ?? 700,
    isTerminal: host.stdout.isTTY === true,
    ...(host.stdin?.isTTY &&
      isAttended(host.env) && {
        ask: lineReader(host.stdin, host.stderr, interrupts.whileAsked),
        prompts: host.stderr,
      }),
  };
  return {
    io,
    exitCode: () => chosen ?? interrupts.status() ?? exitCodes.ok,
    server: () => config?.databaseUrl && hostAndPort(config.databaseUrl),
  };
}

/** A database of its own, also where the environment names a server and a replica beside that of DATABASE_URL. */
function onlyAt(databaseUrl: string): Environment {
  return { DATABASE_URL: databaseUrl, DATABASE_DIRECT_URL: '', DATABASE_REPLICA_URL: '' };
}

/** Prompts are talk, so they go where talk goes. Ctrl-D and Ctrl-C are no line. */
function lineReader(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  whileAsked: (end: () => void) => void,
) {
  return async (prompt: string): Promise<string | undefined> => {
    const { createInterface } = await import('node:readline');
    const lines = createInterface({ input, terminal: false });
    return new Promise((resolve) => {
      lines.once('line', (line) => {
        resolve(line);
        lines.close();
      });
      lines.once('close', () => resolve(undefined));
      whileAsked(() => lines.close());
      output.write(prompt);
    });
  };
}

function hostAndPort(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '5432'}`;
}

/** No command, no help: at most options of all commands. */
function saysNothing(program: Command, argv: readonly string[]): boolean {
  const { operands, unknown } = program.parseOptions([...argv]);
  return operands.length === 0 && unknown.length === 0;
}

/** What is left under way, such as the look-up of a name, holds nobody up. */
function lookAround(program: Command, io: CliIo, host: CliProcess): void {
  program.action(async () => {
    const { printStatus } = await import('./status/print-status.ts');
    const isLate = await printStatus(io);
    if (isLate) host.stdout.write('', () => host.exit(exitCodes.ok));
  });
}

/** `howdah help db` means `howdah db --help`; commander's own help command would not load the command first. */
function withHelp(argv: readonly string[]): readonly string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

function version(argv: readonly string[]): string {
  const release = releaseVersion();
  return ownWords(argv).includes('--json') ? JSON.stringify({ version: release }) : release;
}

/** Elsewhere these words can be the value of an option. */
function mayAskHelp(argv: readonly string[]): boolean {
  return withHelp(ownWords(argv)).some((word) => word === '--help' || word === '-h');
}

/** Behind a command `--version` is an option of that command. */
function isOwnVersion(argv: readonly string[], entries: readonly CommandEntry[]): boolean {
  const before = argv.slice(0, Math.max(argv.indexOf('--version'), 0));
  return !entries.some(({ name, alias = name }) =>
    before.some((word) => [name, alias].includes(word)),
  );
}

function isHelp(error: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code);
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

if (isEntry(import.meta.url)) await run();
