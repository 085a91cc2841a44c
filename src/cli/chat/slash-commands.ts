import { HowdahError } from '../../contracts/errors.ts';
import { closestNames } from '../../text/closest-names.ts';
import { type CliIo, plainNumber, printJson, printTable } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';
import { stepLine } from '../print/step-line.ts';
import type { ChatBackend } from './chat-backend.ts';

/** What the commands of a conversation look at and change. */
export type ChatContext = {
  readonly io: CliIo;
  readonly venue: ChatBackend;
  session: string;
  /** Who is spoken with. */
  agent: string;
  /** The run of the last message. */
  lastRun: string | undefined;
  /** The next message begins a session that knows this one until the end of this turn. */
  forkedTurn: number | undefined;
  /** The conversation ends behind this line. */
  isOver: boolean;
};

type ChatCommand = {
  /** Also known as. */
  alias?: string;
  args?: string;
  summary: string;
  run(room: ChatContext, argument: string): Promise<void> | void;
};

const MOST_SAID = 50;

/** Lines that begin with a slash, by the word behind it. Their answers are talk; with --json objects on stdout. */
export const slashCommands: Readonly<Record<string, ChatCommand>> = {
  help: { summary: 'these commands', run: ({ io }) => help(io) },
  agent: {
    alias: 'switch',
    args: '[NAME]',
    summary: 'who is spoken with; with a name, who is from the next message on',
    run: (room, name) => (name === '' ? tellAgent(room) : switchAgent(room, name)),
  },
  agents: { summary: 'the agents there are', run: agents },
  history: {
    summary: `what was said in this session, each with its turn, the last ${MOST_SAID}`,
    run: history,
  },
  fork: {
    args: '[TURN]',
    summary: 'the next message begins a new session that knows this one until the end of the turn',
    run: fork,
  },
  cost: { summary: 'what this session has used', run: cost },
  trace: { summary: 'the steps of the last run', run: trace },
  quit: {
    summary: 'end the conversation, as Ctrl-D does',
    run: (room) => {
      room.isOver = true;
    },
  },
};

/** Does what the line says when it is a command; false when it is none: `//` begins a message with a slash. */
export async function runSlashCommand(room: ChatContext, line: string): Promise<boolean> {
  const [, name = '', argument = ''] = /^\/([^/\s]\S*|$)\s*(.*?)\s*$/.exec(line) ?? [];
  if (!line.startsWith('/') || line.startsWith('//')) return false;
  const known = Object.entries(slashCommands).flatMap(([own, command]) =>
    [own, command.alias ?? []].flat().map((word) => [word, command] as const),
  );
  const [, command] = known.find(([word]) => word === name) ?? [];
  if (!command) {
    const words = known.map(([word]) => word);
    const [near] = closestNames(name, words, 1);
    throw new HowdahError('EUSAGE', `there is no command /${name}`, {
      hint: `${near ? `Did you mean /${near}? ` : ''}/help lists them; // begins a message with a slash.`,
    });
  }
  await command.run(room, argument);
  return true;
}

function help(io: CliIo): void {
  const rows = Object.entries(slashCommands).map(([name, { alias, args, summary }]) => ({
    command: `/${name}${args ? ` ${args}` : ''}`,
    summary: alias ? `${summary}; or /${alias}` : summary,
  }));
  if (io.json) printJson(io, { type: 'help', items: rows });
  else io.err(rows.map(({ command, summary }) => `${command.padEnd(14)} ${summary}`).join('\n'));
}

function tellAgent({ io, agent }: ChatContext): void {
  if (io.json) printJson(io, { type: 'agent', agent });
  else io.err(`agent ${agent}`);
}

async function switchAgent(room: ChatContext, name: string): Promise<void> {
  if (room.forkedTurn !== undefined) {
    throw new HowdahError('EUSAGE', 'the fork has not begun yet, so its agent cannot be switched', {
      hint: 'Say something in it first.',
    });
  }
  await room.venue.open(name, room.session);
  room.agent = name;
  tellAgent(room);
}

async function agents({ io, venue }: ChatContext): Promise<void> {
  const rows = await venue.agents();
  if (io.json) printJson(io, { type: 'agents', items: rows });
  else printTable({ ...io, out: io.err }, rows);
}

async function history({ io, venue, session }: ChatContext): Promise<void> {
  const items = await venue.said(session, MOST_SAID);
  if (io.json) return printJson(io, { type: 'history', items });
  for (const { turn, who, said } of items) {
    const number = turn === 0 ? '-' : String(turn); // what a fork took along is of no turn here
    io.err(`${number.padStart(3)}  ${who}: ${plainText(said)}`);
  }
  if (items.length === 0) io.err('Nothing was said yet.');
}

async function fork(room: ChatContext, argument: string): Promise<void> {
  const { io, session, venue } = room;
  const turns = await venue.turns(session);
  const turn = argument === '' ? turns : Number(argument);
  if (!Number.isInteger(turn) || turn < 1 || turn > turns) {
    throw new HowdahError(
      'EUSAGE',
      turns === 0
        ? 'nothing was said yet, so there is nothing to fork'
        : `this session has no turn ${argument}`,
      {
        hint: turns === 0 ? 'Say something first.' : `Write /fork with a turn from 1 to ${turns}.`,
      },
    );
  }
  room.forkedTurn = turn;
  if (io.json) return printJson(io, { type: 'fork', session_id: session, turn });
  io.err(`the next message goes on behind turn ${turn}, in a session of its own`);
}

async function cost({ io, venue, session }: ChatContext): Promise<void> {
  const used = await venue.usage(session);
  if (!used) return;
  if (io.json) return printJson(io, { type: 'cost', ...used });
  const tokens = `${used.tokens_in} tokens in, ${used.tokens_out} out`;
  io.err(
    `${used.runs} ${used.runs === 1 ? 'run' : 'runs'} · ${tokens} · cost ${plainNumber(used.cost)}`,
  );
}

async function trace({ io, venue, lastRun }: ChatContext): Promise<void> {
  const steps = lastRun ? await venue.steps(lastRun) : [];
  if (io.json) return printJson(io, { type: 'trace', execution_id: lastRun ?? null, items: steps });
  io.err(lastRun ? `execution ${lastRun}` : 'Nothing has run yet.');
  for (const step of steps) io.err(stepLine(io, step));
}
