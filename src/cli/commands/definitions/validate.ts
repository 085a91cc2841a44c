import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { type Fault, faultLine } from '../../../systems/schema/fault.ts';
import { API_OPTION, type Api, connectCommand } from '../../backend/connect-server.ts';
import { type Check, type Checked, checkFiles } from '../../files/check-files.ts';
import { FILE_OPTION, readSystemFiles } from '../../files/read-systems.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, paint, printJson } from '../../output/output.ts';
import { plainText } from '../../output/terminal-text.ts';
import { printWarnings } from '../../print/plans.ts';

type Options = { tenant?: string; offline?: true; api?: string };
type One = Checked;

/** The maximum length of a line that is shown. Nobody would find the place in a longer line. */
const WIDEST_LINE = 160;
/** A pattern of text that may be a pasted key. Such text is not printed again where others read. */
const MAY_BE_KEY =
  /(key|token|secret|password)["']?\s*[:=]|:\/\/[^\s/]*@|-----BEGIN|(?=[^\s"']*\d)[\w+/=.-]{20,}|\b(sk-|bearer )/i;
const WORDS: Readonly<Record<string, readonly [string, string]>> = {
  models: ['model', 'models'],
  functions: ['function', 'functions'],
  tools: ['tool', 'tools'],
  mcp_servers: ['MCP server', 'MCP servers'],
  prompts: ['prompt', 'prompts'],
  skills: ['skill', 'skills'],
  agents: ['agent', 'agents'],
  workflows: ['workflow', 'workflows'],
};

/**
 * Registers `howdah dev validate FILE…`, which checks whether an apply would accept the files. The
 * status is 1 if not.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '<files...>',
      'agent system files (YAML or JSON, see docs/files.md), or folders of packs (see docs/packs.md); - reads standard input',
    )
    .option(...FILE_OPTION)
    .option('--offline', 'check in a temporary empty database')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (paths: string[], options: Options, self: Command) => {
      const files = await readSystemFiles(paths, io.stdin);
      const check = await checkFiles(io, files, {
        ...options,
        api: await requestedApi(io, self, options),
      });
      if (check.files.some(({ faults }) => faults.length > 0)) io.setExitCode(exitCodes.error);
      if (io.json) printJson(io, asJson(check));
      else show(io, check);
    });
}

/** Returns the server to use. Throws for `--tenant`, because the key decides the tenant. */
async function requestedApi(
  io: CliIo,
  self: Command,
  { offline, api: named, tenant }: Options,
): Promise<Api | undefined> {
  if (offline && named === undefined) return undefined;
  if (offline) {
    throw new HowdahError('EUSAGE', '--offline cannot be combined with --api', {
      hint: 'Omit one of them.',
      detail: { field: '--offline' },
    });
  }
  return connectCommand(io, self, tenant);
}

function asJson({ checked_in, files, problem }: Check) {
  return {
    valid: !files.some(({ faults }) => faults.length > 0),
    checked_in,
    files: files.map(({ file, faults, warnings, counts = {} }) => ({
      file: file.name,
      valid: faults.length > 0 ? false : warnings ? true : null,
      counts,
      faults,
      warnings: warnings ?? [],
    })),
    problem: problem ?? null,
  };
}

function show(io: CliIo, { checked_in, files, problem }: Check): void {
  const shownHints = new Set<string>();
  for (const one of files) {
    for (const fault of one.faults) io.err(faultLines(io, one, fault, shownHints).join('\n'));
    if (one.warnings) printWarnings(io, { warnings: [...one.warnings] });
    io.out(`${one.file.name}: ${verdict(one)}`);
  }
  if (problem) {
    io.err(`Only the text of the files was checked: ${plainText(problem.message)}`);
    if (problem.hint !== undefined) io.err(` ${paint(io, 'cyan', 'hint:')} ${problem.hint}`);
  } else if (checked_in === 'scratch' && files.some(({ faults }) => faults.length > 0)) {
    io.err(
      'The files were checked in an empty database: a file may refer only to its own objects and to those of earlier files.',
    );
  }
}

function verdict({ faults, warnings, counts = {} }: One): string {
  if (faults.length > 0) return faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  if (!warnings) return 'not checked further';
  const has = Object.entries(WORDS).flatMap(([section, [one, several]]) => {
    const count = counts[section] ?? 0;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
  });
  return has.length === 0 ? 'ok' : `ok (${has.join(', ')})`;
}

/**
 * Returns the fault, its line, a mark below the place, and the hint, unless the hint was shown
 * before.
 */
function faultLines(io: CliIo, { file }: One, fault: Fault, shownHints: Set<string>): string[] {
  const name = fault.file ?? file.name;
  const isNew = fault.hint !== undefined && !shownHints.has(fault.hint);
  const hint = isNew ? [` ${paint(io, 'cyan', 'hint:')} ${plainText(fault.hint ?? '')}`] : [];
  shownHints.add(fault.hint ?? '');
  return [plainText(faultLine(name, fault)), ...excerpt(io, textOf(file, name), fault), ...hint];
}

function textOf({ name, text, parts = [] }: One['file'], wanted: string): string {
  return wanted === name ? text : (parts.find((part) => part.name === wanted)?.text ?? '');
}

function excerpt(io: CliIo, text: string, { line, column }: Fault): string[] {
  const shown = text.split(/\r?\n/)[line - 1]?.replace(/^\uFEFF/, '');
  if (!shown?.trim() || shown.length > WIDEST_LINE || MAY_BE_KEY.test(shown)) return [];
  const number = String(line).padStart(4);
  const before = shown.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return [
    `${number} | ${plainText(shown)}`,
    `${' '.repeat(number.length)} | ${before}${paint(io, 'red', '^')}`,
  ];
}
