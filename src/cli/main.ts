import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import type { Config } from '../config.ts';
import { releaseVersion } from '../package-root.ts';
import type { CommandEntry } from './command-entry.ts';
import { type ErrorReport, type ExitCode, exitCodeFor, exitCodes, reportOf } from './exit-codes.ts';
import { FORMATS, type Format, formatIn, formatNamed } from './formats.ts';
import { type CliIo, createOutput, printError } from './output.ts';
import { commands } from './registry.ts';

/** The parts of a process the command line lives in; a test hands in its own. */
export type CliProcess = {
  stdin?: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
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
  const format = await formatNamed(formatIn(ownWords(argv)));
  const session = createSession(argv, host, () => program.opts(), format);
  if (isOwnVersion(argv, entries)) {
    program.version(releaseVersion(), '--version', 'print the version');
  }
  defineProgram(program, session.io, entries);
  try {
    await program.parseAsync(withHelp(argv), { from: 'user' });
    return session.exitCode();
  } catch (thrown) {
    if (thrown instanceof CommanderError && isHelp(thrown)) {
      return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    const report =
      thrown instanceof CommanderError
        ? await usageReport(thrown)
        : reportOf(thrown, session.server());
    printError(session.io, await withPage(session.io, report));
    return exitCodeFor(report.code);
  }
}

/** To a person, an error that says not what to do says at least where it stands. */
async function withPage(io: CliIo, report: ErrorReport): Promise<ErrorReport> {
  if (!io.isTerminal || io.json || report.hint !== undefined) return report;
  const { isExplained } = await import('./explain-code.ts');
  return isExplained(report.code) ? { ...report, hint: `howdah explain ${report.code}` } : report;
}

function defineProgram(program: Command, io: CliIo, entries: readonly CommandEntry[]): void {
  program
    .description('Insert a row, watch an agent answer it, ask everything in SQL.')
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
    .configureOutput({ writeOut: io.write, writeErr: io.err, outputError: () => {} })
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${command.usage()}`.replace('[options] ', ''),
    });
  const load = new Map(entries.map((entry) => [entry.name, entry.load]));
  for (const { name, alias, summary, args = '' } of entries) {
    const command = program.command(name).description(summary).usage(`[options] ${args}`);
    if (alias !== undefined) command.alias(alias);
  }
  program.hook('preSubcommand', async (_, command) => {
    const module = await load.get(command.name())?.();
    module?.register(command.helpCommand(false), io);
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
  let chosen: ExitCode | undefined;
  let config: Config | undefined;
  const io: CliIo = {
    ...createOutput(flags, host),
    stdin: host.stdin ?? process.stdin,
    config: async () => {
      const { loadConfig } = await import('../config.ts');
      const { databaseUrl } = globals();
      config = loadConfig(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl });
      return config;
    },
    profile: () => globals().profile,
    setExitCode: (code) => {
      chosen = code;
    },
    onInterrupt: interrupts.handle,
    isTerminal: host.stdout.isTTY === true,
    ...(host.stdin?.isTTY && {
      ask: lineReader(host.stdin, host.stderr),
      prompts: host.stderr,
    }),
  };
  return {
    io,
    exitCode: () => chosen ?? interrupts.status() ?? exitCodes.ok,
    server: () => config?.databaseUrl && hostAndPort(config.databaseUrl),
  };
}

/** Prompts are talk, so they go where talk goes. Ctrl-D and Ctrl-C are no line. */
function lineReader(input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
  return async (prompt: string): Promise<string | undefined> => {
    const { createInterface } = await import('node:readline');
    const lines = createInterface({ input, terminal: false });
    return new Promise((resolve) => {
      lines.once('line', (line) => {
        resolve(line);
        lines.close();
      });
      lines.once('close', () => resolve(undefined));
      output.write(prompt);
    });
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

/** An error of usage, with the command it is about: commander keeps that to itself. */
type UsageError = CommanderError & { command?: Command };

function rememberCommands(command: Command): void {
  command.exitOverride((error) => {
    throw Object.assign(error, { command });
  });
  command.commands.forEach(rememberCommands);
}

/** Commander's "error: unknown command 'strat'\n(Did you mean start?)" as message and hint. */
async function usageReport({ message: text, command, code }: UsageError): Promise<ErrorReport> {
  if (code === 'commander.excessArguments') {
    const { unknownVerbReport } = await import('./verbs.ts');
    const report = command && (await unknownVerbReport(command));
    if (report) return report;
  }
  const [message = '', suggestion] = text.replace(/^error: /, '').split('\n');
  const path = command ? ` ${pathOf(command)}` : '';
  const hint =
    suggestion?.replace(/^\(|\)$/g, '') ?? `\`howdah${path} --help\` lists commands and options.`;
  return {
    code: 'EUSAGE',
    message,
    hint,
    ...(command && { usage: `howdah${path} ${command.usage()}`.trim() }),
  };
}

/** `key create`, as it is typed behind `howdah`. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
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
