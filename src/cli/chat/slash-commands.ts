import { HowdahError } from '../../contracts/errors.ts';
import { closestNames } from '../../text/closest-names.ts';
import type { ChatBackend } from '../backend/chat-backend.ts';
import { type CliIo, plainNumber, printJson, printTable } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';
import { stepLine } from '../print/step-line.ts';

/** The state that the commands of a conversation read and change. */
export type ChatContext = {
  readonly io: CliIo;
  readonly backend: ChatBackend;
  session: string;
  /** The agent that receives the messages. */
  agent: string;
  /** The run of the last message. */
  lastRun: string | undefined;
  /**
   * The turn after which the next message starts a session. The new session knows this one until
   * the end of that turn.
   */
  forkedTurn: number | undefined;
  /** True if the conversation ends after this line. */
  isOver: boolean;
};

type ChatCommand = {
  /** A second name. */
  alias?: string;
  args?: string;
  summary: string;
  run(room: ChatContext, argument: string): Promise<void> | void;
};

const MAX_SAID = 50;

/**
 * The commands of a conversation, by the word after the slash. Their output is talk (stderr). With
 * --json it consists of objects on stdout.
 */
export const slashCommands: Readonly<Record<string, ChatCommand>> = {
  help: { summary: 'list these commands', run: ({ io }) => help(io) },
  agent: {
    alias: 'switch',
    args: '[NAME]',
    summary: 'show the current agent; with a name, switch to that agent for the next message',
    run: (room, name) => (name === '' ? tellAgent(room) : switchAgent(room, name)),
  },
  agents: { summary: 'list the agents', run: agents },
  history: {
    summary: `list the last ${MAX_SAID} messages of this session with their turns`,
    run: history,
  },
  fork: {
    args: '[TURN]',
    summary:
      'start a new session with the next message, with the history up to the end of the turn',
    run: fork,
  },
  cost: { summary: 'show the tokens and the cost of this session', run: cost },
  trace: { summary: 'list the steps of the last run', run: trace },
  quit: {
    summary: 'end the conversation (also Ctrl-D)',
    run: (room) => {
      room.isOver = true;
    },
  },
};

/**
 * Runs the command of a line. Returns false if the line is not a command. A line that starts with
 * `//` is a message that starts with one slash.
 */
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
      hint: `${near ? `Did you mean /${near}? ` : ''}/help lists the commands. To send a message that starts with a slash, type // first.`,
    });
  }
  await command.run(room, argument);
  return true;
}

function help(io: CliIo): void {
  const rows = Object.entries(slashCommands).map(([name, { alias, args, summary }]) => ({
    command: `/${name}${args ? ` ${args}` : ''}`,
    summary: alias ? `${summary} (alias /${alias})` : summary,
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
    throw new HowdahError(
      'EUSAGE',
      'the agent cannot be switched before the fork has its first message',
      {
        hint: 'Send a message first.',
      },
    );
  }
  await room.backend.open(name, room.session);
  room.agent = name;
  tellAgent(room);
}

async function agents({ io, backend }: ChatContext): Promise<void> {
  const rows = await backend.agents();
  if (io.json) printJson(io, { type: 'agents', items: rows });
  else printTable({ ...io, out: io.err }, rows);
}

async function history({ io, backend, session }: ChatContext): Promise<void> {
  const items = await backend.lastMessages(session, MAX_SAID);
  if (io.json) return printJson(io, { type: 'history', items });
  for (const { turn, who, said } of items) {
    const number = turn === 0 ? '-' : String(turn); // messages copied by a fork have no turn here
    io.err(`${number.padStart(3)}  ${who}: ${plainText(said)}`);
  }
  if (items.length === 0) io.err('This session has no messages yet.');
}

async function fork(room: ChatContext, argument: string): Promise<void> {
  const { io, session, backend } = room;
  const turns = await backend.turnCount(session);
  const turn = argument === '' ? turns : Number(argument);
  if (!Number.isInteger(turn) || turn < 1 || turn > turns) {
    throw new HowdahError(
      'EUSAGE',
      turns === 0
        ? 'this session has no turns to fork from'
        : `this session has no turn ${argument}`,
      {
        hint: turns === 0 ? 'Send a message first.' : `Write /fork with a turn from 1 to ${turns}.`,
      },
    );
  }
  room.forkedTurn = turn;
  if (io.json) return printJson(io, { type: 'fork', session_id: session, turn });
  io.err(`the next message continues after turn ${turn}, in a new session`);
}

async function cost({ io, backend, session }: ChatContext): Promise<void> {
  const used = await backend.usage(session);
  if (!used) return;
  if (io.json) return printJson(io, { type: 'cost', ...used });
  const tokens = `${used.tokens_in} tokens in, ${used.tokens_out} out`;
  io.err(
    `${used.runs} ${used.runs === 1 ? 'run' : 'runs'} · ${tokens} · cost ${plainNumber(used.cost)}`,
  );
}

async function trace({ io, backend, lastRun }: ChatContext): Promise<void> {
  const steps = lastRun ? await backend.steps(lastRun) : [];
  if (io.json) return printJson(io, { type: 'trace', execution_id: lastRun ?? null, items: steps });
  io.err(lastRun ? `execution ${lastRun}` : 'There is no run yet.');
  for (const step of steps) io.err(stepLine(io, step));
}
