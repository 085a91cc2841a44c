import { Command, CommanderError } from 'commander';
import type { Config } from '../config.ts';
import { isEntry, releaseVersion } from '../package-root.ts';
import { type CommandEntry, isNoun, type NounEntry } from './command-entry.ts';
import { defineProgram, loadWhenNeeded } from './define-program.ts';
import { missingVerbReport, usageError } from './help/usage-errors.ts';
import { type CliProcess, listenForInterrupts } from './interrupts.ts';
import { type ErrorReport, exitCodeFor, exitCodes, reportOf } from './output/exit-codes.ts';
import { type Format, formatIn, formatNamed } from './output/formats.ts';
import { type CliIo, createOutput, printError } from './output/output.ts';
import { type Environment, isAttended } from './output/terminal.ts';
import { commands } from './registry.ts';

/**
 * Runs one command line (without `node` and the script) and returns the exit status. Never throws.
 */
export async function main(
  argv: readonly string[],
  host: CliProcess,
  entries: readonly (CommandEntry | NounEntry)[] = commands,
): Promise<number> {
  const format = await formatNamed(formatIn(ownWords(argv)));
  let program = new Command('howdah');
  const session = createSession(argv, host, () => program.opts(), format);
  const fresh = () => {
    program = new Command('howdah');
    if (isOwnVersion(argv, entries))
      program.version(version(argv), '--version', 'print the version');
    return defineProgram(program, session.io, entries);
  };
  if (entries === commands && mayAskHelp(argv)) {
    const { printedHelp } = await import('./help/help.ts');
    const names = new Map([...fresh()].map(([command, { name }]) => [command, name]));
    if (await printedHelp(program, names, withHelp(argv))) return exitCodes.ok;
  }
  loadWhenNeeded(program, session.io, fresh());
  try {
    if (saysNothing(program, argv)) addDefaultAction(program, session.io, host);
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
        ? await usageError(thrown, program)
        : reportOf(thrown, session.server());
    printError(session.io, await withPage(session.io, report));
    return exitCodeFor(report.code);
  }
}

/** Adds a hint with the page of the error, for a person, if the report has no hint. */
async function withPage(io: CliIo, report: ErrorReport): Promise<ErrorReport> {
  if (!io.isTerminal || io.json || report.hint !== undefined) return report;
  const { isExplained } = await import('./help/explain-error.ts');
  return isExplained(report.code) ? { ...report, hint: `howdah explain ${report.code}` } : report;
}

/** Returns the words before `--`. The words after it are not options. */
function ownWords(argv: readonly string[]): readonly string[] {
  return argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
}

/** Creates the state of one command line: its streams, its exit status, its server. */
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
    config: async (variables = {}, defaults = {}) => {
      const { loadConfig } = await import('../config.ts');
      const { databaseUrl } = globals();
      const database = databaseUrl === undefined ? {} : onlyAt(databaseUrl);
      config = loadConfig({ ...database, ...variables }, undefined, defaults);
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
        ask: lineReader(host.stdin, host.stderr, interrupts.onPrompt),
        prompts: host.stderr,
      }),
  };
  return {
    io,
    exitCode: () => chosen ?? interrupts.status() ?? exitCodes.ok,
    server: () => config?.databaseUrl && hostAndPort(config.databaseUrl),
  };
}

/**
 * Returns the variables for --database-url alone. Clears the direct URL and the replica, which the
 * environment may set for DATABASE_URL.
 */
function onlyAt(databaseUrl: string): Environment {
  return { DATABASE_URL: databaseUrl, DATABASE_DIRECT_URL: '', DATABASE_REPLICA_URL: '' };
}

/**
 * Creates a reader of single lines. Prompts are talk, so they go where talk goes. Ctrl-D and Ctrl-C
 * return no line.
 */
function lineReader(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  onEnd: (end: () => void) => void,
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
      onEnd(() => lines.close());
      output.write(prompt);
    });
  };
}

function hostAndPort(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '5432'}`;
}

/**
 * Returns whether the line contains no command and no help option, but at most options of all
 * commands.
 */
function saysNothing(program: Command, argv: readonly string[]): boolean {
  const { operands, unknown } = program.parseOptions([...argv]);
  return operands.length === 0 && unknown.length === 0;
}

/**
 * Adds the action of `howdah` alone. Work that is still in progress, such as the lookup of a name,
 * does not delay the exit.
 */
function addDefaultAction(program: Command, io: CliIo, host: CliProcess): void {
  program.action(async () => {
    const { printStatus } = await import('./status/print-status.ts');
    const isLate = await printStatus(io);
    if (isLate) host.stdout.write('', () => host.exit(exitCodes.ok));
  });
}

/**
 * Rewrites `howdah help db` to `howdah db --help`. The help command of commander would not load the
 * command first.
 */
function withHelp(argv: readonly string[]): readonly string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

function version(argv: readonly string[]): string {
  const release = releaseVersion();
  return ownWords(argv).includes('--json') ? JSON.stringify({ version: release }) : release;
}

/** Returns whether the line may ask for help. The words can also be the value of an option. */
function mayAskHelp(argv: readonly string[]): boolean {
  return withHelp(ownWords(argv)).some((word) => word === '--help' || word === '-h');
}

/**
 * Returns whether `--version` is the option of `howdah`. After a command it is an option of that
 * command.
 */
function isOwnVersion(
  argv: readonly string[],
  entries: readonly (CommandEntry | NounEntry)[],
): boolean {
  const before = argv.slice(0, Math.max(argv.indexOf('--version'), 0));
  const names = entries.flatMap((entry) =>
    isNoun(entry) ? entry.name : [entry.name, entry.alias],
  );
  return !before.some((word) => names.includes(word));
}

function isHelp(error: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code);
}

/**
 * Runs the command line of this process. A reader that has closed the pipe (`| head`) is no error.
 */
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
