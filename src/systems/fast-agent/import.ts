import { HowdahError } from '../../contracts/errors.ts';
import { hasMembers, type JsonObject } from '../../json/json.ts';
import { type Fault, faultLine, fromPointer, type Note } from '../schema/fault.ts';
import { nearestTo, shapeFaults } from '../schema/schema-errors.ts';
import { writeAgent, writeRemote } from './agent-card.ts';
import { nameSamplingModels } from './client-features.ts';
import type { EntryInputs, Kind } from './entry-inputs.ts';
import { Fields } from './fields.ts';
import { instructionOf } from './instruction.ts';
import { createModels, type Models } from './models.ts';
import type { Card, Findings, Mapping, Project } from './project.ts';
import { pythonAgents } from './project.ts';
import { readCard, readMapping } from './read-card.ts';
import { readSettings } from './read-settings.ts';
import type { Servers } from './servers.ts';
import { type Use, useFaults } from './uses.ts';
import { WORKFLOW_WRITERS, writeWorkflow } from './workflow-card.ts';

/**
 * An agent system as the content of a file, with notes about everything that was left out, in the
 * order of the files.
 */
export type Imported = { document: JsonObject; notes: Note[] };

/**
 * Converts a fast-agent project to an agent system. Throws `HWINV` with all faults
 * (`detail.faults`): unreadable files, duplicate or unknown names, cycles.
 */
export function importFastAgent(project: Project): Imported {
  const findings: Findings = { notes: [], faults: [] };
  const of = (...kinds: string[]) => project.files.filter(({ kind }) => kinds.includes(kind));
  const mappings = [...of('config'), ...of('secrets')].flatMap(
    (file) => readMapping(file, findings) ?? [],
  );
  const settings = readSettings(mappings, findings);
  const cards = of('card', 'tool-card').flatMap((file) => readCard(file, findings) ?? []);
  findings.notes.push(...of('python').flatMap(pythonAgents));
  const models = createModels(settings, tellOf(settings.default_model?.mapping, findings));
  models.choose(undefined, () => {}); // the default model is carried over even if no card uses it
  nameSamplingModels(settings.servers.entries, settings.servers.samplings, models.choose);
  const sections = writeCards(cardsByName(cards, findings), {
    project,
    findings,
    models,
    servers: settings.servers,
  });
  const document = {
    version: 'v1',
    name: project.name,
    models: models.entries,
    mcp_servers: settings.servers.entries,
    ...sections,
  };
  refuse(findings.faults);
  refuse(faultsOfShape(document, cards));
  return { document: withoutEmpty(document), notes: inOrder(project, findings.notes) };
}

const tellOf =
  (mapping: Mapping | undefined, { notes }: Findings) =>
  (message: string) => {
    if (mapping)
      notes.push({ file: mapping.file, ...mapping.read.locate('/default_model', true), message });
  };

/** Returns the cards by name. Reports duplicate names. */
function cardsByName(cards: readonly Card[], { faults }: Findings): Map<string, Card> {
  const byName = new Map<string, Card>();
  for (const card of cards) {
    const first = byName.get(card.name);
    if (!first) {
      byName.set(card.name, card);
      continue;
    }
    const message = `another card already has the name ${JSON.stringify(card.name)}: ${first.file}`;
    faults.push({
      file: card.file,
      ...card.read.locate('/name'),
      path: '/name',
      message,
      code: 'HWCNF',
    });
  }
  return byName;
}

type Parts = { project: Project; findings: Findings; models: Models; servers: Servers };

/** Converts the cards to agents and workflows, and finds the default agent or workflow. */
function writeCards(cards: ReadonlyMap<string, Card>, parts: Parts): JsonObject {
  const agents: JsonObject = {};
  const workflows: JsonObject = {};
  const kinds = new Map([...cards].map(([name, card]) => [name, kindOf(typeOf(card))]));
  const uses: Use[] = [];
  let orchestrator: string | undefined;
  for (const [name, card] of cards) {
    const fields = new Fields(card, parts.findings);
    const refer: EntryInputs['refer'] = (path, to) => {
      uses.push({ from: name, to, fields, path });
      return kinds.get(to);
    };
    if (card.isTool) {
      fields.note(
        [],
        'fast-agent offers it to its default agent as a tool: list it under agents of that agent',
      );
    }
    const isMeant = isDefault(card, fields) && orchestrator === undefined;
    const entry = writeCard({ ...parts, card, fields, refer });
    if (isMeant) orchestrator = name;
    if (kinds.get(name) === 'workflow') workflows[name] = entry;
    else agents[name] = isMeant ? { ...entry, is_default: true } : entry;
  }
  useFaults(uses, kinds);
  return { agents, workflows, ...(orchestrator !== undefined && { orchestrator }) };
}

function isDefault(card: Card, fields: Fields): boolean {
  const isTool = fields.flag('tool_only') ?? card.isTool;
  const isDefault = fields.flag('default') ?? false;
  if (isTool && isDefault)
    fields.fault(['default'], 'an agent with tool_only cannot be the default agent');
  return isDefault;
}

/** Returns the type of a card. Like fast-agent, accepts any case and - for _. */
function typeOf({ data }: Card): string {
  const { type } = data;
  return typeof type === 'string' && type.trim() !== ''
    ? type.trim().toLowerCase().replaceAll('-', '_')
    : 'agent';
}

const kindOf = (type: string): Kind =>
  Object.hasOwn(WORKFLOW_WRITERS, type) ? 'workflow' : 'agent';

function writeCard(inputs: EntryInputs & Parts): JsonObject {
  const { card, fields, project, findings } = inputs;
  const type = typeOf(card);
  fields.text('type');
  for (const key of ['name', 'schema_version']) fields.take(key);
  const instruction = instructionOf(card, type, fields, project, findings);
  const workflow = Object.hasOwn(WORKFLOW_WRITERS, type) ? WORKFLOW_WRITERS[type] : undefined;
  if (workflow) return writeWorkflow(workflow, inputs, instruction);
  if (type === 'a2a') return writeRemote(inputs, instruction);
  if (type !== 'agent' && type !== 'smart') {
    const near = nearestTo(type, ['agent', 'a2a', ...Object.keys(WORKFLOW_WRITERS)]);
    fields.fault(
      ['type'],
      `unknown type ${JSON.stringify(type)}${near ? `, did you mean ${JSON.stringify(near)}?` : ''}`,
    );
  }
  if (type === 'smart') fields.note(['type'], 'type: it is imported as an agent');
  return writeAgent(inputs, instruction);
}

/**
 * Compares the document with the schema of agent system files. Each fault has its place in its
 * card: for example a name that is too long or a value out of bounds.
 */
function faultsOfShape(document: JsonObject, cards: readonly Card[]): Findings['faults'] {
  return shapeFaults(document).map((fault) => {
    const [section = '', name] = fromPointer(fault.path);
    const card =
      ['agents', 'workflows'].includes(section) && cards.find((one) => one.name === name);
    const place = { line: 1, column: 1 };
    if (!card) return { file: `${section || 'system'}`, ...place, ...fault, code: 'HWINV' };
    const rest = fault.path
      .split('/')
      .slice(3)
      .map((part) => `/${part}`)
      .join('');
    return { file: card.file, ...card.read.locate(rest, true), ...fault, code: 'HWINV' };
  });
}

function withoutEmpty(document: JsonObject): JsonObject {
  const isEmpty = (value: unknown) => hasMembers(value) && Object.keys(value).length === 0;
  return Object.fromEntries(Object.entries(document).filter(([, value]) => !isEmpty(value)));
}

function inOrder({ files }: Project, notes: readonly Note[]): Note[] {
  const place = new Map(files.map(({ name }, at) => [name, at]));
  return notes.toSorted(
    (a, b) =>
      (place.get(a.file) ?? 0) - (place.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  );
}

function refuse(faults: readonly (Fault & { file: string })[]): void {
  if (faults.length === 0) return;
  const lines = faults.map((fault) => faultLine(fault.file, fault));
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  throw new HowdahError('HWINV', `nothing was imported: ${count}\n${lines.join('\n')}`, {
    hint:
      faults.find(({ hint }) => hint)?.hint ??
      'See docs/files.md for the supported parts of a fast-agent project.',
    detail: { faults: [...faults] },
  });
}
