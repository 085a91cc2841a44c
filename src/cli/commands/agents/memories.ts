import { type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import {
  approveMemory,
  correctMemory,
  type Memory,
  pinMemory,
  proposeMemory,
  recallMemories,
  rejectMemory,
  remember,
} from '../../../operations/definitions/memories.ts';
import { memories } from '../../../resources/definitions/memories.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows, shortenRow } from '../../print/rows.ts';

type Options = { tenant?: string };
type ScopeOptions = Options & { scope?: Scope; subject?: string };
type Scope = (typeof enumLabels.memory_scope)[number];
type Kind = (typeof enumLabels.memory_kind)[number];

/** Registers `howdah dev memories` with its verbs, such as `add`, `recall` and `approve`. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(memories),
    showVerb(memories),
    { name: 'add', summary: 'add a memory', register: registerAdd },
    { name: 'correct', summary: 'correct a memory', register: registerCorrect },
    { name: 'pin', summary: 'show a memory in every run of its agent', register: registerPin },
    { name: 'propose', summary: 'propose it to all agents', register: registerPropose },
    { name: 'approve', summary: 'approve a proposed memory', register: registerApprove },
    { name: 'reject', summary: 'reject a proposed memory', register: registerReject },
    { ...deleteVerb(memories), name: 'forget', summary: 'delete a memory for good' },
    { name: 'recall', summary: 'find memories for a question', register: registerRecall },
  ]);
}

const withConnection = (command: Command) => command.option(...TENANT_OPTION).option(...API_OPTION);

const withScope = (command: Command) =>
  command
    .addOption(new Option('--scope <scope>', 'what it is about').choices(enumLabels.memory_scope))
    .option('--subject <id>', 'id of the user, agent or session (default: you, or the tenant)');

function printMemory(io: CliIo, memory: Memory): void {
  if (io.json) printJson(io, memory);
  else io.out(memory.id);
}

type AddOptions = ScopeOptions & { kind?: Kind; external?: true };

function registerAdd(command: Command, io: CliIo): void {
  withScope(withConnection(command))
    .argument('<content>', `the text, of at most 2000 characters; ${ARGUMENT_SOURCES}`)
    .addOption(
      new Option('--kind <kind>', 'kind of the memory (default: fact)').choices(
        enumLabels.memory_kind,
      ),
    )
    .option('--external', 'the text is by somebody else: runs that recall it are tainted')
    .action(async (text: string, { scope, subject, kind, external, ...options }: AddOptions) => {
      const content = await readTextArgument(io, 'the content', text);
      const body = {
        content,
        scope,
        subject_id: subject,
        kind,
        trust: external ? ('external' as const) : undefined,
      };
      const memory = await withBackend(io, command, options, ({ call }) =>
        call(remember, { body }),
      );
      printMemory(io, memory);
    });
}

function registerCorrect(command: Command, io: CliIo): void {
  withConnection(command)
    .argument('<id>', 'id of the memory')
    .argument('<content>', `the text that holds now; ${ARGUMENT_SOURCES}`)
    .action(async (id: string, text: string, options: Options) => {
      const content = await readTextArgument(io, 'the content', text);
      const memory = await withBackend(io, command, options, ({ call }) =>
        call(correctMemory, { params: { id }, body: { content } }),
      );
      printMemory(io, memory);
    });
}

function registerPin(command: Command, io: CliIo): void {
  withConnection(command)
    .argument('<id>', 'id of a memory of the scope agent')
    .option('--unpin', 'show it no longer')
    .action(async (id: string, { unpin, ...options }: Options & { unpin?: true }) => {
      const body = { is_pinned: !unpin };
      const memory = await withBackend(io, command, options, ({ call }) =>
        call(pinMemory, { params: { id }, body }),
      );
      printMemory(io, memory);
    });
}

function registerPropose(command: Command, io: CliIo): void {
  withConnection(command)
    .argument('<id>', 'id of a memory of the scope agent')
    .action(async (id: string, options: Options) => {
      const memory = await withBackend(io, command, options, ({ call }) =>
        call(proposeMemory, { params: { id } }),
      );
      printMemory(io, memory);
    });
}

function registerApprove(command: Command, io: CliIo): void {
  withConnection(command)
    .argument('<id>', 'id of the proposed memory')
    .argument('[content]', `a corrected text; ${ARGUMENT_SOURCES}`)
    .action(async (id: string, text: string | undefined, options: Options) => {
      const content = text === undefined ? text : await readTextArgument(io, 'the content', text);
      const memory = await withBackend(io, command, options, ({ call }) =>
        call(approveMemory, { params: { id }, body: { content } }),
      );
      printMemory(io, memory);
    });
}

function registerReject(command: Command, io: CliIo): void {
  withConnection(command)
    .argument('<id>', 'id of the proposed memory')
    .action(async (id: string, options: Options) => {
      const memory = await withBackend(io, command, options, ({ call }) =>
        call(rejectMemory, { params: { id } }),
      );
      printMemory(io, memory);
    });
}

function registerRecall(command: Command, io: CliIo): void {
  withScope(withConnection(command))
    .argument('<query>', 'a question, or words that the memories may contain')
    .option('--k <number>', 'the most memories (default: 10)')
    .action(async (query: string, options: ScopeOptions & { k?: string }) => {
      const { k, scope, subject, ...rest } = options;
      const found = await withBackend(io, command, rest, ({ call }) =>
        call(recallMemories, { query: { query, k, scope, subject_id: subject } }),
      );
      const rows = found.memories.map((row) =>
        shortenRow(row, ['id', 'scope', 'kind', 'content', 'trust', 'score']),
      );
      printRows(io, { items: found.memories, rows, empty: 'Nothing was found.' });
    });
}
