import type { TextPlace } from '../schema/fault.ts';
import type { Fields } from './fields.ts';
import type { Card, Findings, Project } from './project.ts';

/**
 * Placeholders that fast-agent fills from its environment. They have no counterpart here, so they
 * are removed and reported.
 */
const FILLED_IN = new Set([
  'agentCardDir',
  'agentCardPath',
  'agentInternalResources',
  'agentSkills',
  'clientDisplay',
  'currentDate',
  'env',
  'executionEnvironment',
  'executionEnvironmentCwd',
  'executionEnvironmentKind',
  'executionEnvironmentName',
  'executionEnvironmentProvider',
  'executionEnvironmentShell',
  'hostPlatform',
  'modelReferences',
  'model_specific',
  'pythonVer',
  'serverInstructions',
  'workspaceRoot',
]);
/**
 * Most includes of one instruction. Included files may include others, so the limit ends cycles and
 * exponential growth.
 */
const MAX_INCLUDES = 100;

/**
 * Returns the instruction of a card, from its body or from its key, with its placeholders filled.
 */
export function instructionOf(
  card: Card,
  type: string,
  fields: Fields,
  project: Project,
  findings: Findings,
): string | undefined {
  const written = fields.text('instruction');
  const body = bodyOf(card, fields);
  if (written !== undefined && body) {
    fields.fault(
      ['instruction'],
      'the instruction is in both instruction and the body: remove one of them',
    );
    return undefined;
  }
  const place = (offset: number): TextPlace => {
    if (!body) return card.read.locate('/instruction', true);
    const before = body.text.slice(0, offset).split('\n');
    return { line: body.line + before.length - 1, column: (before.at(-1)?.length ?? 0) + 1 };
  };
  const tell = (offset: number, message: string) => {
    findings.notes.push({ file: card.file, ...place(offset), message });
  };
  const known = { agentName: card.name, agentType: type };
  const text = fillIn(written ?? body?.text ?? '', {
    known,
    project,
    tell,
    included: { count: 0 },
  });
  const tidy = text.replace(/\n{3,}/g, '\n\n').trim();
  return tidy === '' ? undefined : tidy;
}

/**
 * Returns the body of a card. A first line ---SYSTEM is only a marker. fast-agent rejects
 * conversations in a body too.
 */
function bodyOf({ body }: Card, fields: Fields): Card['body'] {
  if (!body || body.text.trim() === '') return undefined;
  const lines = body.text.split('\n');
  const first = lines.findIndex((line) => line.trim() !== '');
  const begin = lines[first]?.trim() === '---SYSTEM' ? first + 1 : first;
  const rest = lines.slice(begin);
  if (rest.some((line) => /^---(USER|ASSISTANT|RESOURCE)$/.test(line.trim()))) {
    fields.fault(
      [],
      'the body contains a conversation (---USER, ---ASSISTANT): only an instruction is allowed',
    );
  }
  return { text: rest.join('\n'), line: body.line + begin };
}

type Filling = {
  known: Readonly<Record<string, string>>;
  project: Project;
  tell: (offset: number, message: string) => void;
  included: { count: number };
};

function fillIn(text: string, filling: Filling): string {
  return text.replaceAll(/(\\?)\{\{([^{}]+)\}\}/g, (all, slash, inner, offset) => {
    if (slash) return all.slice(1);
    const name = String(inner).trim();
    const { known, tell } = filling;
    if (Object.hasOwn(known, name)) return known[name] ?? '';
    const included = /^(file|file_silent):(.*)$/.exec(name);
    if (included) return includedText(included, offset, filling);
    if (FILLED_IN.has(name)) {
      tell(offset, `{{${name}}}: Howdah does not fill in this placeholder; it is removed`);
      return '';
    }
    tell(offset, `{{${name}}}: Howdah does not fill in this placeholder; it is kept unchanged`);
    return all;
  });
}

/**
 * Returns the text of an included file. Notes about that file have the place of the include in the
 * card.
 */
function includedText(
  [all, how, path = '']: RegExpExecArray,
  offset: number,
  filling: Filling,
): string {
  filling.included.count += 1;
  const isOneTooMany = filling.included.count > MAX_INCLUDES;
  const text = isOneTooMany ? undefined : filling.project.include(path.trim());
  if (text === undefined) {
    if (how === 'file') {
      filling.tell(offset, `{{${all}}}: the file does not exist in the project or cannot be read`);
    }
    return '';
  }
  const tell = (_: number, message: string) => filling.tell(offset, `${path}: ${message}`);
  return fillIn(text, { ...filling, tell });
}
